"""what is left to know of dates that a lock may have in place of the confirmed ones

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

_TIMES = ("doubt_starts_at", "doubt_ends_at", "may_start_at", "may_end_at")


def upgrade():
    with op.batch_alter_table("lock_entry", schema=None) as batch_op:
        for name in _TIMES:
            batch_op.add_column(sa.Column(name, sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("doubt_command_id", sa.Integer(), nullable=True))
        batch_op.drop_column("changed_outside_at")
    # What somebody else changed and nobody has put back yet: none of its dates is sure.
    op.execute(
        "UPDATE lock_entry SET doubt_starts_at = starts_at, doubt_ends_at = starts_at,"
        " may_start_at = starts_at, may_end_at = ends_at"
        " WHERE state = 'held' AND door_code_id IN"
        " (SELECT id FROM door_code WHERE problem = 'changed_outside')"
    )


def downgrade():
    with op.batch_alter_table("lock_entry", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("changed_outside_at", sa.DateTime(timezone=True), nullable=True)
        )
        batch_op.drop_column("doubt_command_id")
        for name in reversed(_TIMES):
            batch_op.drop_column(name)
