"""indexes for what the sweep asks, and for spares on lists

Revision ID: 0008_sweep_indexes
Revises: 0007_codes
Create Date: 2026-11-25 19:50:00.000000
"""

from alembic import op

revision = "0008_sweep_indexes"
down_revision = "0007_codes"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("command", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_command_command_id"), ["command_id"], unique=False)
    with op.batch_alter_table("door_code", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_door_code_status"))
        batch_op.create_index("ix_door_code_status_starts", ["status", "starts_at"], unique=False)
        batch_op.create_index(
            "ix_door_code_account_given", ["account_id", "given_to_id"], unique=False
        )


def downgrade():
    with op.batch_alter_table("door_code", schema=None) as batch_op:
        batch_op.drop_index("ix_door_code_account_given")
        batch_op.drop_index("ix_door_code_status_starts")
        batch_op.create_index(batch_op.f("ix_door_code_status"), ["status"], unique=False)
    with op.batch_alter_table("command", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_command_command_id"))
