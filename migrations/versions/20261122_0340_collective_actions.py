"""Jobs, operations and their items; the log names the operation an entry was part of."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
)
COUNTS = ("matched", "changed", "already", "skipped", "refused", "failed", "undone", "kept")


def upgrade() -> None:
    op.create_table(
        "job",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("payload", JSON, nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=True),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=80), nullable=True),
        sa.Column("lease_until", sa.DateTime(), nullable=True),
        sa.Column("run_at", sa.DateTime(), nullable=False),
        sa.Column("is_cancelled", sa.Boolean(), nullable=False),
        sa.Column("error", sa.String(length=400), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("actor_name", sa.String(length=160), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=True),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        _key("job", "actor_id", "ab_user"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("key", name=op.f("uq_job_key")),
    )
    op.create_index("ix_job_due", "job", ["state", "run_at"])
    op.create_index("ix_job_actor", "job", ["actor_id", "state", "id"])
    op.create_table(
        "operation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(length=48), nullable=False),
        sa.Column("subject_type", sa.String(length=48), nullable=False),
        sa.Column("selection", JSON, nullable=False),
        sa.Column("selection_text", sa.Text(), nullable=False),
        sa.Column("answers", JSON, nullable=False),
        sa.Column("answers_text", sa.Text(), nullable=False),
        sa.Column("plan", JSON, nullable=True),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in COUNTS),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("actor_name", sa.String(length=160), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(), nullable=True),
        sa.Column("undo_until", sa.DateTime(), nullable=True),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.Column("undo_job_id", sa.Integer(), nullable=True),
        sa.Column("request_key", sa.String(length=64), nullable=True),
        sa.Column("request_digest", sa.String(length=64), nullable=True),
        _key("operation", "actor_id", "ab_user"),
        _key("operation", "job_id", "job"),
        _key("operation", "undo_job_id", "job"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operation")),
        sa.UniqueConstraint("request_key", name=op.f("uq_operation_request_key")),
    )
    op.create_index("ix_operation_actor", "operation", ["actor_id", "id"])
    op.create_table(
        "operation_item",
        sa.Column("operation_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("row_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("outcome", sa.String(length=8), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.Column("before", JSON, nullable=True),
        sa.Column("undone", sa.String(length=8), nullable=True),
        sa.Column("undone_reason", sa.String(length=200), nullable=True),
        _key("operation_item", "operation_id", "operation", "CASCADE"),
        sa.PrimaryKeyConstraint("operation_id", "row_id", name=op.f("pk_operation_item")),
        postgresql_with={"fillfactor": "70"},
    )
    op.execute("ALTER TABLE log_entry ADD COLUMN operation_id INTEGER")


def _key(table: str, column: str, target: str, on_delete: str = "SET NULL"):
    return sa.ForeignKeyConstraint(
        [column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}_{target}"), ondelete=on_delete
    )


def downgrade() -> None:
    op.execute("ALTER TABLE log_entry DROP COLUMN operation_id")
    for table in ("operation_item", "operation", "job"):
        op.drop_table(table)
