"""when a write of an entry was last given up without an answer

Revision ID: 0015_unanswered_writes
Revises: 0014_former_ids
Create Date: 2026-11-26 23:50:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0015_unanswered_writes"
down_revision = "0014_former_ids"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("lock_entry", schema=None) as batch_op:
        batch_op.add_column(sa.Column("unanswered_at", sa.DateTime(timezone=True), nullable=True))


def downgrade():
    with op.batch_alter_table("lock_entry", schema=None) as batch_op:
        batch_op.drop_column("unanswered_at")
