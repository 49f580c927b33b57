"""when something else was last wanted of a code, and what is still on the locks found at once

Revision ID: 0013_outdated_entries
Revises: 0012_dates_in_doubt
Create Date: 2026-11-26 16:10:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0013_outdated_entries"
down_revision = "0012_dates_in_doubt"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("door_code", schema=None) as batch_op:
        batch_op.add_column(sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("lock_entry", schema=None) as batch_op:
        batch_op.create_index("ix_lock_entry_state", ["state"])


def downgrade():
    with op.batch_alter_table("lock_entry", schema=None) as batch_op:
        batch_op.drop_index("ix_lock_entry_state")
    with op.batch_alter_table("door_code", schema=None) as batch_op:
        batch_op.drop_column("changed_at")
