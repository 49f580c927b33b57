"""indexes for an account's own history and for a staff code's

Revision ID: 0010_account_history
Revises: 0009_guest_sending
Create Date: 2026-11-26 07:05:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0010_account_history"
down_revision = "0009_guest_sending"
branch_labels = None
depends_on = None


def upgrade():
    of_account = sa.text("booking_id IS NULL AND lock_id IS NULL")
    with op.batch_alter_table("timeline_entry", schema=None) as batch_op:
        batch_op.create_index(
            "ix_timeline_account",
            ["account_id", "id"],
            unique=False,
            sqlite_where=of_account,
            postgresql_where=of_account,
        )
        batch_op.create_index(
            batch_op.f("ix_timeline_entry_door_code_id"), ["door_code_id"], unique=False
        )
        batch_op.drop_index(batch_op.f("ix_timeline_entry_account_id"))


def downgrade():
    with op.batch_alter_table("timeline_entry", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_timeline_entry_account_id"), ["account_id"], unique=False
        )
        batch_op.drop_index(batch_op.f("ix_timeline_entry_door_code_id"))
        batch_op.drop_index("ix_timeline_account")
