"""entry log and readings of locks

Revision ID: 0004_health
Revises: 0003_bulk_runs
Create Date: 2026-11-25 18:05:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0004_health"
down_revision = "0003_bulk_runs"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "lock_reading",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("lock_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_online", sa.Boolean(), nullable=True),
        sa.Column("battery_state", sa.String(length=40), nullable=True),
        sa.Column("battery_level", sa.Integer(), nullable=True),
        sa.Column("wifi_signal", sa.Integer(), nullable=True),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_lock_reading_account_id_account")
        ),
        sa.ForeignKeyConstraint(
            ["lock_id"], ["lock.id"], name=op.f("fk_lock_reading_lock_id_lock")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lock_reading")),
    )
    with op.batch_alter_table("lock_reading", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_lock_reading_account_id"), ["account_id"], unique=False
        )
        batch_op.create_index("ix_lock_reading_lock_at", ["lock_id", "at"], unique=False)

    op.create_table(
        "door_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("lock_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("what", sa.String(length=40), nullable=False),
        sa.Column("how", sa.String(length=40), nullable=False),
        sa.Column("whose", sa.String(length=40), nullable=False),
        sa.Column("booking_id", sa.Integer(), nullable=True),
        sa.Column("door_code_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("webhook_key", sa.String(length=40), nullable=True),
        sa.Column("log_key", sa.String(length=40), nullable=True),
        sa.Column("alert_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_door_event_account_id_account")
        ),
        sa.ForeignKeyConstraint(
            ["booking_id"], ["booking.id"], name=op.f("fk_door_event_booking_id_booking")
        ),
        sa.ForeignKeyConstraint(
            ["door_code_id"], ["door_code.id"], name=op.f("fk_door_event_door_code_id_door_code")
        ),
        sa.ForeignKeyConstraint(["lock_id"], ["lock.id"], name=op.f("fk_door_event_lock_id_lock")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_door_event")),
        sa.UniqueConstraint("lock_id", "log_key", name=op.f("uq_door_event_lock_id_log_key")),
        sa.UniqueConstraint(
            "lock_id", "webhook_key", name=op.f("uq_door_event_lock_id_webhook_key")
        ),
    )
    with op.batch_alter_table("door_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_door_event_account_id"), ["account_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_door_event_alert_until"), ["alert_until"], unique=False
        )
        batch_op.create_index("ix_door_event_booking_at", ["booking_id", "at"], unique=False)
        batch_op.create_index("ix_door_event_lock_at", ["lock_id", "at"], unique=False)

    with op.batch_alter_table("lock", schema=None) as batch_op:
        batch_op.add_column(sa.Column("entries_due_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(
            batch_op.f("ix_lock_entries_due_at"), ["entries_due_at"], unique=False
        )
    with op.batch_alter_table("property", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("alerts_when_vacant", sa.Boolean(), nullable=False, server_default=sa.false())
        )


def downgrade():
    with op.batch_alter_table("property", schema=None) as batch_op:
        batch_op.drop_column("alerts_when_vacant")
    with op.batch_alter_table("lock", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_lock_entries_due_at"))
        batch_op.drop_column("entries_due_at")
    op.drop_table("door_event")
    op.drop_table("lock_reading")
