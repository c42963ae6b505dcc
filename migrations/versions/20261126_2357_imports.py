"""Keep imports in the database: what was chosen, what the check found, and what went wrong."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0054"
down_revision = "0051"
branch_labels = None
depends_on = None


def upgrade():
    """Make the tables."""
    is_postgres = op.get_bind().dialect.name == "postgresql"
    json = postgresql.JSONB(none_as_null=True) if is_postgres else sa.JSON(none_as_null=True)
    numbers = postgresql.ARRAY(sa.BigInteger()) if is_postgres else sa.JSON()
    op.create_table(
        "import_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(32), nullable=False),
        sa.Column("importer", sa.String(48), nullable=False),
        sa.Column("file_name", sa.String(200), nullable=False),
        sa.Column("file_key", sa.String(80), nullable=False),
        sa.Column("file_digest", sa.String(64), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("choices", json, nullable=False),
        sa.Column("plan", json),
        sa.Column("plan_hash", sa.String(64)),
        sa.Column("checked", json),
        sa.Column("result", json),
        sa.Column("actor_id", sa.Integer()),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("check_job_id", sa.Integer()),
        sa.Column("operation_id", sa.Integer()),
        *(
            sa.ForeignKeyConstraint(
                [column],
                [f"{table}.id"],
                name=op.f(f"fk_import_run_{column}_{table}"),
                ondelete="SET NULL",
            )
            for column, table in (
                ("actor_id", "ab_user"),
                ("check_job_id", "job"),
                ("operation_id", "operation"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_run")),
        sa.UniqueConstraint("token", name=op.f("uq_import_run_token")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_import_run_operation_id", "import_run", ["operation_id"])
    op.create_table(
        "import_chunk",
        sa.Column("run_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("first", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("start", json, nullable=False),
        sa.Column("outcomes", sa.Text(), nullable=False),
        sa.Column("ids", numbers, nullable=False),
        sa.Column("versions", numbers, nullable=False),
        sa.Column("keys", sa.LargeBinary()),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["import_run.id"],
            name=op.f("fk_import_chunk_run_id_import_run"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_id", "first", name=op.f("pk_import_chunk")),
    )
    op.create_table(
        "import_issue",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(12), nullable=False),
        sa.Column("field", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(400), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["import_run.id"],
            name=op.f("fk_import_issue_run_id_import_run"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_issue")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_import_issue_run_id", "import_issue", ["run_id", "row", "id"])


def downgrade():
    """Drop them; files of imports expire by themselves."""
    op.drop_table("import_issue")
    op.drop_table("import_chunk")
    op.drop_table("import_run")
