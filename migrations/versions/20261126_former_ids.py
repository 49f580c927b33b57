"""the id that an entry had before two reads did not show it

Revision ID: 0014_former_ids
Revises: 0013_outdated_entries
Create Date: 2026-11-26 21:00:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0014_former_ids"
down_revision = "0013_outdated_entries"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("lock_entry", schema=None) as batch_op:
        batch_op.add_column(sa.Column("former_code_id", sa.String(length=200), nullable=True))


def downgrade():
    with op.batch_alter_table("lock_entry", schema=None) as batch_op:
        batch_op.drop_column("former_code_id")
