"""staff codes and spare codes

Revision ID: 0007_codes
Revises: 0006_kept_stays
Create Date: 2026-11-25 18:05:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0007_codes"
down_revision = "0006_kept_stays"
branch_labels = None
depends_on = None

_IS_GIVEN = sa.text("given_to_id IS NOT NULL AND is_wanted")


def upgrade():
    op.create_table(
        "staff_code",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("phone", sa.String(length=60), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("pin", sa.Text(), nullable=False),
        sa.Column("is_pin_given", sa.Boolean(), nullable=False),
        sa.Column("pin_shown_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("weekly", sa.JSON(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_staff_code_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_code")),
    )
    with op.batch_alter_table("staff_code", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_staff_code_account_id"), ["account_id"], unique=False)

    op.create_table(
        "staff_grant",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("staff_code_id", sa.Integer(), nullable=False),
        sa.Column("lock_id", sa.Integer(), nullable=True),
        sa.Column("property_id", sa.Integer(), nullable=True),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(lock_id IS NULL) <> (property_id IS NULL)", name=op.f("ck_staff_grant_one_place")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_staff_grant_account_id")
        ),
        sa.ForeignKeyConstraint(["lock_id"], ["lock.id"], name=op.f("fk_staff_grant_lock_id")),
        sa.ForeignKeyConstraint(
            ["property_id"], ["property.id"], name=op.f("fk_staff_grant_property_id")
        ),
        sa.ForeignKeyConstraint(
            ["staff_code_id"], ["staff_code.id"], name=op.f("fk_staff_grant_staff_code_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_grant")),
        sa.UniqueConstraint(
            "staff_code_id", "lock_id", name=op.f("uq_staff_grant_staff_code_id_lock_id")
        ),
        sa.UniqueConstraint(
            "staff_code_id", "property_id", name=op.f("uq_staff_grant_staff_code_id_property_id")
        ),
    )
    with op.batch_alter_table("staff_grant", schema=None) as batch_op:
        for column in ("account_id", "lock_id", "property_id", "staff_code_id"):
            batch_op.create_index(batch_op.f(f"ix_staff_grant_{column}"), [column], unique=False)

    with op.batch_alter_table("property", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("spare_codes", sa.Integer(), nullable=False, server_default="2")
        )
    with op.batch_alter_table("property", schema=None) as batch_op:
        batch_op.alter_column("spare_codes", existing_type=sa.Integer(), server_default=None)

    with op.batch_alter_table("door_code", schema=None) as batch_op:
        batch_op.alter_column("booking_id", existing_type=sa.Integer(), nullable=True)
        batch_op.add_column(sa.Column("staff_code_id", sa.Integer(), nullable=True))
        batch_op.add_column(
            sa.Column("is_spare", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch_op.add_column(sa.Column("given_to_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("given_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("door_code", schema=None) as batch_op:
        batch_op.alter_column("is_spare", existing_type=sa.Boolean(), server_default=None)
        batch_op.create_foreign_key(
            batch_op.f("fk_door_code_staff_code_id"), "staff_code", ["staff_code_id"], ["id"]
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_door_code_given_to_id"), "booking", ["given_to_id"], ["id"]
        )
        batch_op.create_unique_constraint(
            batch_op.f("uq_door_code_staff_code_id_lock_id"), ["staff_code_id", "lock_id"]
        )
        batch_op.create_check_constraint(
            batch_op.f("ck_door_code_one_holder"),
            "CASE WHEN booking_id IS NULL THEN 0 ELSE 1 END"
            " + CASE WHEN staff_code_id IS NULL THEN 0 ELSE 1 END"
            " + CASE WHEN is_spare THEN 1 ELSE 0 END = 1",
        )
        batch_op.create_check_constraint(
            batch_op.f("ck_door_code_only_spares_are_given"), "given_to_id IS NULL OR is_spare"
        )
        batch_op.create_index(
            batch_op.f("ix_door_code_staff_code_id"), ["staff_code_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_door_code_given_to_id"), ["given_to_id"], unique=False)
        batch_op.create_index(
            "uq_door_code_given",
            ["given_to_id", "lock_id"],
            unique=True,
            sqlite_where=_IS_GIVEN,
            postgresql_where=_IS_GIVEN,
        )

    with op.batch_alter_table("timeline_entry", schema=None) as batch_op:
        batch_op.add_column(sa.Column("staff_code_id", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_timeline_entry_staff_code_id"), "staff_code", ["staff_code_id"], ["id"]
        )
        batch_op.create_index(
            batch_op.f("ix_timeline_entry_staff_code_id"), ["staff_code_id"], unique=False
        )


def downgrade():
    # Codes of nobody's booking have no place in the tables of before; their history goes along.
    others = "SELECT id FROM door_code WHERE booking_id IS NULL"
    entries = f"SELECT id FROM lock_entry WHERE door_code_id IN ({others})"  # noqa: S608
    commands = f"SELECT id FROM command WHERE lock_entry_id IN ({entries})"  # noqa: S608
    op.execute(
        "DELETE FROM timeline_entry WHERE staff_code_id IS NOT NULL"  # noqa: S608
        f" OR door_code_id IN ({others}) OR command_row_id IN ({commands})"
    )
    op.execute(f"DELETE FROM command WHERE lock_entry_id IN ({entries})")  # noqa: S608
    op.execute(f"DELETE FROM lock_entry WHERE door_code_id IN ({others})")  # noqa: S608
    op.execute("DELETE FROM door_code WHERE booking_id IS NULL")

    with op.batch_alter_table("timeline_entry", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_timeline_entry_staff_code_id"))
        batch_op.drop_constraint(batch_op.f("fk_timeline_entry_staff_code_id"), type_="foreignkey")
        batch_op.drop_column("staff_code_id")

    with op.batch_alter_table("door_code", schema=None) as batch_op:
        batch_op.drop_index("uq_door_code_given")
        batch_op.drop_index(batch_op.f("ix_door_code_given_to_id"))
        batch_op.drop_index(batch_op.f("ix_door_code_staff_code_id"))
        batch_op.drop_constraint(batch_op.f("ck_door_code_only_spares_are_given"), type_="check")
        batch_op.drop_constraint(batch_op.f("ck_door_code_one_holder"), type_="check")
        batch_op.drop_constraint(batch_op.f("uq_door_code_staff_code_id_lock_id"), type_="unique")
        batch_op.drop_constraint(batch_op.f("fk_door_code_given_to_id"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("fk_door_code_staff_code_id"), type_="foreignkey")
    with op.batch_alter_table("door_code", schema=None) as batch_op:
        batch_op.drop_column("given_at")
        batch_op.drop_column("given_to_id")
        batch_op.drop_column("is_spare")
        batch_op.drop_column("staff_code_id")
        batch_op.alter_column("booking_id", existing_type=sa.Integer(), nullable=False)

    with op.batch_alter_table("property", schema=None) as batch_op:
        batch_op.drop_column("spare_codes")

    op.drop_table("staff_grant")
    op.drop_table("staff_code")
