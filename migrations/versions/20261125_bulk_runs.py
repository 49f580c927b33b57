"""bulk runs, how a connection's test went, and what large accounts need to stay quick

Revision ID: 0003_bulk_runs
Revises: 0002_guest_page
"""

import sqlalchemy as sa
from alembic import op

revision = "0003_bulk_runs"
down_revision = "0002_guest_page"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "bulk_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("made_by", sa.String(length=60), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_bulk_run_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_run")),
    )
    with op.batch_alter_table("bulk_run", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_bulk_run_account_id"), ["account_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_bulk_run_due_at"), ["due_at"], unique=False)

    op.create_table(
        "bulk_item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("booking_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("why", sa.String(length=40), nullable=True),
        sa.Column("words", sa.String(length=300), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_bulk_item_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["booking_id"], ["booking.id"], name=op.f("fk_bulk_item_booking_id")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["bulk_run.id"], name=op.f("fk_bulk_item_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_item")),
        sa.UniqueConstraint("run_id", "booking_id", name=op.f("uq_bulk_item_run_id_booking_id")),
    )
    with op.batch_alter_table("bulk_item", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_bulk_item_account_id"), ["account_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_bulk_item_booking_id"), ["booking_id"], unique=False)
        batch_op.create_index("ix_bulk_item_run_state", ["run_id", "state", "place"], unique=False)

    with op.batch_alter_table("door_code", schema=None) as batch_op:
        batch_op.create_index(
            "ix_door_code_account_booking", ["account_id", "booking_id"], unique=False
        )
        batch_op.create_index("ix_door_code_account_status", ["account_id", "status"], unique=False)
    with op.batch_alter_table("lock_entry", schema=None) as batch_op:
        batch_op.create_index(
            "ix_lock_entry_account_door_code", ["account_id", "door_code_id"], unique=False
        )

    with op.batch_alter_table("connection", schema=None) as batch_op:
        batch_op.add_column(sa.Column("check_fault", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("check_failed_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("check_asked_at", sa.DateTime(timezone=True), nullable=True))


def downgrade():
    with op.batch_alter_table("lock_entry", schema=None) as batch_op:
        batch_op.drop_index("ix_lock_entry_account_door_code")
    with op.batch_alter_table("door_code", schema=None) as batch_op:
        batch_op.drop_index("ix_door_code_account_status")
        batch_op.drop_index("ix_door_code_account_booking")
    with op.batch_alter_table("connection", schema=None) as batch_op:
        batch_op.drop_column("check_asked_at")
        batch_op.drop_column("check_failed_at")
        batch_op.drop_column("check_fault")
    op.drop_table("bulk_item")
    op.drop_table("bulk_run")
