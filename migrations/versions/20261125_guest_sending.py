"""messages sent to guests

Revision ID: 0009_guest_sending
Revises: 0008_sweep_indexes
Create Date: 2026-11-25 21:20:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0009_guest_sending"
down_revision = "0008_sweep_indexes"
branch_labels = None
depends_on = None

_OF_ACCOUNT = sa.text("property_id IS NULL")
_OF_PROPERTY = sa.text("property_id IS NOT NULL")


def upgrade():
    op.create_table(
        "guest_way",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("way", sa.String(length=40), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("hint", sa.String(length=255), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_guest_way_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guest_way")),
        sa.UniqueConstraint("account_id", "way", name=op.f("uq_guest_way_account_id_way")),
    )
    with op.batch_alter_table("guest_way", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_guest_way_account_id"), ["account_id"], unique=False)

    op.create_table(
        "guest_send",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("booking_id", sa.Integer(), nullable=True),
        sa.Column("bulk_item_id", sa.Integer(), nullable=True),
        sa.Column("way", sa.String(length=40), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("to", sa.String(length=255), nullable=False),
        sa.Column("language", sa.String(length=20), nullable=False),
        sa.Column("mark", sa.String(length=80), nullable=False),
        sa.Column("is_forced", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("why", sa.String(length=40), nullable=True),
        sa.Column("error_key", sa.String(length=60), nullable=False),
        sa.Column("error_words", sa.String(length=300), nullable=False),
        sa.Column("made_by", sa.String(length=60), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_guest_send_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["booking_id"], ["booking.id"], name=op.f("fk_guest_send_booking_id")
        ),
        sa.ForeignKeyConstraint(
            ["bulk_item_id"], ["bulk_item.id"], name=op.f("fk_guest_send_bulk_item_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guest_send")),
        sa.UniqueConstraint("bulk_item_id", name=op.f("uq_guest_send_bulk_item_id")),
    )
    with op.batch_alter_table("guest_send", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_guest_send_account_id"), ["account_id"], unique=False)
        batch_op.create_index("ix_guest_send_booking", ["booking_id", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_guest_send_due_at"), ["due_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_guest_send_made_at"), ["made_at"], unique=False)

    with op.batch_alter_table("guest_message", schema=None) as batch_op:
        batch_op.add_column(sa.Column("property_id", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_guest_message_property_id"), "property", ["property_id"], ["id"]
        )
        batch_op.drop_constraint(batch_op.f("uq_guest_message_account_id_language"), type_="unique")
        batch_op.create_index(
            "uq_guest_message_account",
            ["account_id", "language"],
            unique=True,
            sqlite_where=_OF_ACCOUNT,
            postgresql_where=_OF_ACCOUNT,
        )
        batch_op.create_index(
            "uq_guest_message_property",
            ["property_id", "language"],
            unique=True,
            sqlite_where=_OF_PROPERTY,
            postgresql_where=_OF_PROPERTY,
        )

    with op.batch_alter_table("booking", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("guest_email", sa.String(length=254), nullable=False, server_default="")
        )


def downgrade():
    with op.batch_alter_table("booking", schema=None) as batch_op:
        batch_op.drop_column("guest_email")
    # An account has one text per language again.
    op.execute("DELETE FROM guest_message WHERE property_id IS NOT NULL")
    with op.batch_alter_table("guest_message", schema=None) as batch_op:
        batch_op.drop_index("uq_guest_message_property")
        batch_op.drop_index("uq_guest_message_account")
        batch_op.drop_constraint(batch_op.f("fk_guest_message_property_id"), type_="foreignkey")
        batch_op.drop_column("property_id")
        batch_op.create_unique_constraint(
            batch_op.f("uq_guest_message_account_id_language"), ["account_id", "language"]
        )
    with op.batch_alter_table("guest_send", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_guest_send_made_at"))
        batch_op.drop_index(batch_op.f("ix_guest_send_due_at"))
        batch_op.drop_index("ix_guest_send_booking")
        batch_op.drop_index(batch_op.f("ix_guest_send_account_id"))

    op.drop_table("guest_send")
    with op.batch_alter_table("guest_way", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_guest_way_account_id"))

    op.drop_table("guest_way")
