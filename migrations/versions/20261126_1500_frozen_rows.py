"""Store frozen selections as lists of ids, and spare changed rows the writing of indexes.

Rows of before that are not processed yet move from items into lists.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from app.tables import no_spare_room_statements, spare_room_statements

revision = "0040"
down_revision = "0031"
branch_labels = None
depends_on = None

CHANGED_TABLES = ("contact", "account")
# Ids in one list.
LENGTH = 5_000


def upgrade() -> None:
    """Make the table of the lists, and rewrite the tables whose rows actions change."""
    dialect = op.get_bind().dialect.name
    is_postgres = dialect == "postgresql"
    op.create_table(
        "frozen_rows",
        sa.Column("operation_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("ids", postgresql.ARRAY(sa.Integer()) if is_postgres else sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["operation_id"],
            ["operation.id"],
            name=op.f("fk_frozen_rows_operation_id_operation"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("operation_id", "last_id", name=op.f("pk_frozen_rows")),
    )
    ids = "array_agg(row_id ORDER BY row_id)" if is_postgres else "json_group_array(row_id)"
    op.execute(
        "INSERT INTO frozen_rows (operation_id, last_id, count, ids)"
        f" SELECT operation_id, max(row_id), count(*), {ids} FROM ("
        " SELECT operation_id, row_id, (row_number() OVER"
        f" (PARTITION BY operation_id ORDER BY row_id) - 1) / {LENGTH} AS part"
        " FROM operation_item WHERE outcome IS NULL ORDER BY operation_id, row_id"
        ") AS numbered GROUP BY operation_id, part"
    )
    op.execute("DELETE FROM operation_item WHERE outcome IS NULL")
    op.drop_index("ix_contact_updated_at", "contact")
    for table in CHANGED_TABLES:
        for statement in spare_room_statements(table, dialect):
            op.execute(statement)


def downgrade() -> None:
    """Write an item for every row that is not processed yet."""
    dialect = op.get_bind().dialect.name
    is_postgres = dialect == "postgresql"
    ids = "unnest(f.ids) AS u(row_id)" if is_postgres else "json_each(f.ids) AS u"
    row_id = "u.row_id" if is_postgres else "u.value"
    op.execute(
        "INSERT INTO operation_item (operation_id, row_id)"
        f" SELECT f.operation_id, {row_id} FROM frozen_rows f, {ids} WHERE NOT EXISTS"
        " (SELECT 1 FROM operation_item i"
        f" WHERE i.operation_id = f.operation_id AND i.row_id = {row_id})"
    )
    op.drop_table("frozen_rows")
    op.create_index(
        "ix_contact_updated_at",
        "contact",
        ["updated_at", "id"],
        postgresql_include=["entity_id", "trashed_at"],
    )
    for table in CHANGED_TABLES:
        for statement in no_spare_room_statements(table, dialect):
            op.execute(statement)
