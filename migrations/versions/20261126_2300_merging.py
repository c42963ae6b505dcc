"""Let contacts and accounts be merged: which row one leads to, what moved, former numbers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0057"
down_revision = "0041"
branch_labels = None
depends_on = None

TABLES = ("contact", "account")
IS_MERGED = sa.text("merged_into_id IS NOT NULL")


def upgrade():
    """Add the columns and the tables."""
    json = sa.JSON(none_as_null=True).with_variant(
        postgresql.JSONB(none_as_null=True), "postgresql"
    )
    number = sa.String(32).with_variant(sa.String(32, collation="C"), "postgresql")
    for table in TABLES:
        op.add_column(table, sa.Column("merged_into_id", sa.Integer(), nullable=True))
        op.create_index(
            f"ix_{table}_merged_into", table, ["merged_into_id"],
            sqlite_where=IS_MERGED, postgresql_where=IS_MERGED,
        )  # fmt: skip
    op.add_column("contact", sa.Column("former_numbers", sa.Text(), nullable=True))
    op.create_table(
        "former_number",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject_type", sa.String(48), nullable=False),
        sa.Column("number", number, nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_former_number")),
        sa.UniqueConstraint(
            "subject_type", "number", name=op.f("uq_former_number_subject_type_number")
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_former_number_subject", "former_number", ["subject_type", "subject_id"])
    op.create_table(
        "row_merge",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("operation_id", sa.Integer(), nullable=False),
        sa.Column("subject_type", sa.String(48), nullable=False),
        sa.Column("survivor_id", sa.Integer(), nullable=False),
        sa.Column("merged_id", sa.Integer(), nullable=False),
        sa.Column("fields", json, nullable=True),
        sa.Column("counts", json, nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("actor_name", sa.String(160), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("undo_until", sa.DateTime(), nullable=False),
        sa.Column("undone_at", sa.DateTime(), nullable=True),
        sa.Column("undone_by", sa.String(160), nullable=False),
        sa.Column("kept", json, nullable=True),
        sa.ForeignKeyConstraint(
            ["operation_id"], ["operation.id"],
            name=op.f("fk_row_merge_operation_id_operation"), ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["ab_user.id"],
            name=op.f("fk_row_merge_actor_id_ab_user"), ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_row_merge")),
        sa.UniqueConstraint("operation_id", name=op.f("uq_row_merge_operation_id")),
        sqlite_autoincrement=True,
    )  # fmt: skip
    for name, columns in (
        ("survivor", ["subject_type", "survivor_id", "id"]),
        ("merged", ["subject_type", "merged_id", "id"]),
        ("undo_until", ["undo_until"]),
    ):
        op.create_index(f"ix_row_merge_{name}", "row_merge", columns)
    op.create_table(
        "merge_move",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("merge_id", sa.Integer(), nullable=False),
        sa.Column("rule", sa.String(80), nullable=False),
        sa.Column("row_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("before", json, nullable=True),
        sa.ForeignKeyConstraint(
            ["merge_id"], ["row_merge.id"],
            name=op.f("fk_merge_move_merge_id_row_merge"), ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merge_move")),
        sqlite_autoincrement=True,
    )  # fmt: skip
    op.create_index("ix_merge_move_merge", "merge_move", ["merge_id", "rule", "id"])


def downgrade():
    """Drop them: what is merged stays so, and the merged rows are in the trash like any other."""
    for table in ("merge_move", "row_merge", "former_number"):
        op.drop_table(table)
    op.drop_column("contact", "former_numbers")
    for table in TABLES:
        op.drop_index(f"ix_{table}_merged_into", table)
        op.drop_column(table, "merged_into_id")
