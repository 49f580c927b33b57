"""since when a trouble that was told of is over

Revision ID: 0011_over_without_a_word
Revises: 0010_account_history
Create Date: 2026-11-26 07:20:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0011_over_without_a_word"
down_revision = "0010_account_history"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("channel_thread", schema=None) as batch_op:
        batch_op.add_column(sa.Column("over_at", sa.DateTime(timezone=True), nullable=True))


def downgrade():
    with op.batch_alter_table("channel_thread", schema=None) as batch_op:
        batch_op.drop_column("over_at")
