"""indexes that leave out what is over on a lock

Revision ID: 0016_what_is_over
Revises: 0015_unanswered_writes
Create Date: 2026-11-28 02:00:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0016_what_is_over"
down_revision = "0015_unanswered_writes"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("door_code", schema=None) as batch_op:
        batch_op.create_index("ix_door_code_lock_ends", ["lock_id", "ends_at"], unique=False)
        is_not_over = sa.text("status NOT IN ('removed')")
        batch_op.create_index(
            "ix_door_code_lock_not_over",
            ["lock_id", "status", "send_at", "due_at", "is_wanted", "resync_at"],
            unique=False,
            sqlite_where=is_not_over,
            postgresql_where=is_not_over,
        )
        batch_op.drop_index(batch_op.f("ix_door_code_lock_id"))
    with op.batch_alter_table("lock_entry", schema=None) as batch_op:
        batch_op.create_index(
            "ix_lock_entry_lock_ends", ["lock_id", "ends_at", "door_code_id"], unique=False
        )
        is_not_gone = sa.text("state NOT IN ('gone')")
        batch_op.create_index(
            "ix_lock_entry_lock_not_gone",
            ["lock_id", "state", "door_code_id"],
            unique=False,
            sqlite_where=is_not_gone,
            postgresql_where=is_not_gone,
        )
        batch_op.drop_index(batch_op.f("ix_lock_entry_lock_id"))


def downgrade():
    with op.batch_alter_table("lock_entry", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_lock_entry_lock_id"), ["lock_id"], unique=False)
        batch_op.drop_index("ix_lock_entry_lock_not_gone")
        batch_op.drop_index("ix_lock_entry_lock_ends")
    with op.batch_alter_table("door_code", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_door_code_lock_id"), ["lock_id"], unique=False)
        batch_op.drop_index("ix_door_code_lock_not_over")
        batch_op.drop_index("ix_door_code_lock_ends")
