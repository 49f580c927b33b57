"""the dates that a lock may have in place of the confirmed ones

Revision ID: 0012_dates_in_doubt
Revises: 0011_over_without_a_word
Create Date: 2026-11-26 14:30:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0012_dates_in_doubt"
down_revision = "0011_over_without_a_word"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("lock_entry", schema=None) as batch_op:
        batch_op.add_column(sa.Column("doubt_starts_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("doubt_ends_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.drop_column("changed_outside_at")


def downgrade():
    with op.batch_alter_table("lock_entry", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("changed_outside_at", sa.DateTime(timezone=True), nullable=True)
        )
        batch_op.drop_column("doubt_ends_at")
        batch_op.drop_column("doubt_starts_at")
