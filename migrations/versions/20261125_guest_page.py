"""guest page and guest messages

Revision ID: 0002_guest_page
Revises: 0001
Create Date: 2026-11-25 18:05:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0002_guest_page"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "guest_message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(length=20), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_guest_message_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guest_message")),
        sa.UniqueConstraint(
            "account_id", "language", name=op.f("uq_guest_message_account_id_language")
        ),
    )
    with op.batch_alter_table("guest_message", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_guest_message_account_id"), ["account_id"], unique=False
        )

    op.create_table(
        "guest_link",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("booking_id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_guest_link_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["booking_id"], ["booking.id"], name=op.f("fk_guest_link_booking_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guest_link")),
        sa.UniqueConstraint("booking_id", name=op.f("uq_guest_link_booking_id")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_guest_link_token_hash")),
    )
    with op.batch_alter_table("guest_link", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_guest_link_account_id"), ["account_id"], unique=False)

    with op.batch_alter_table("property", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("address", sa.String(length=300), nullable=False, server_default="")
        )
        batch_op.add_column(sa.Column("directions", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(
            sa.Column("pin_hours_before", sa.Integer(), nullable=False, server_default="24")
        )
        batch_op.add_column(
            sa.Column("shares_fallback", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    with op.batch_alter_table("booking", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("guest_language", sa.String(length=20), nullable=False, server_default="")
        )


def downgrade():
    with op.batch_alter_table("booking", schema=None) as batch_op:
        batch_op.drop_column("guest_language")
    with op.batch_alter_table("property", schema=None) as batch_op:
        batch_op.drop_column("shares_fallback")
        batch_op.drop_column("pin_hours_before")
        batch_op.drop_column("directions")
        batch_op.drop_column("address")
    with op.batch_alter_table("guest_link", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_guest_link_account_id"))

    op.drop_table("guest_link")
    with op.batch_alter_table("guest_message", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_guest_message_account_id"))

    op.drop_table("guest_message")
