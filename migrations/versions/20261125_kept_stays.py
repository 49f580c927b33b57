"""stays that a person keeps, and guests that a person has written

Revision ID: 0006_kept_stays
Revises: 0005_alert_delivery
Create Date: 2026-11-25 18:20:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0006_kept_stays"
down_revision = "0005_alert_delivery"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("booking", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("is_kept", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch_op.add_column(sa.Column("listed_name", sa.String(length=200), nullable=True))
        batch_op.add_column(sa.Column("listed_phone", sa.String(length=60), nullable=True))
    with op.batch_alter_table("booking", schema=None) as batch_op:
        batch_op.alter_column("is_kept", server_default=None)


def downgrade():
    with op.batch_alter_table("booking", schema=None) as batch_op:
        batch_op.drop_column("listed_phone")
        batch_op.drop_column("listed_name")
        batch_op.drop_column("is_kept")
