"""what is sure and what may be of dates in doubt; since when something else is wanted of a code

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
    with op.batch_alter_table("lock_entry", schema=None) as batch_op:
        batch_op.add_column(sa.Column("may_start_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("may_end_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("doubt_command_id", sa.Integer(), nullable=True))
        batch_op.create_index("ix_lock_entry_state", ["state"])
    # Either the confirmed dates or those in doubt: sure is what both have.
    op.execute(
        "UPDATE lock_entry SET"
        " may_start_at = CASE WHEN doubt_starts_at < starts_at"
        " THEN doubt_starts_at ELSE starts_at END,"
        " may_end_at = CASE WHEN doubt_ends_at > ends_at THEN doubt_ends_at ELSE ends_at END,"
        " doubt_starts_at = CASE WHEN doubt_starts_at > starts_at"
        " THEN doubt_starts_at ELSE starts_at END,"
        " doubt_ends_at = CASE WHEN doubt_ends_at < ends_at THEN doubt_ends_at ELSE ends_at END"
        " WHERE doubt_starts_at IS NOT NULL"
    )
    # What somebody else changed and nobody has put back yet: none of its dates is sure.
    op.execute(
        "UPDATE lock_entry SET doubt_starts_at = starts_at, doubt_ends_at = starts_at,"
        " may_start_at = starts_at, may_end_at = ends_at"
        " WHERE state = 'held' AND doubt_starts_at IS NULL AND door_code_id IN"
        " (SELECT id FROM door_code WHERE problem = 'changed_outside')"
    )
    with op.batch_alter_table("door_code", schema=None) as batch_op:
        batch_op.add_column(sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade():
    with op.batch_alter_table("door_code", schema=None) as batch_op:
        batch_op.drop_column("changed_at")
    with op.batch_alter_table("lock_entry", schema=None) as batch_op:
        batch_op.drop_index("ix_lock_entry_state")
        batch_op.drop_column("doubt_command_id")
        batch_op.drop_column("may_end_at")
        batch_op.drop_column("may_start_at")
