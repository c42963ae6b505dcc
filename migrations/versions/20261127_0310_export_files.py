"""Keep what large exports were asked for, and the file of each."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0091"
down_revision = "0090"
branch_labels = None
depends_on = None


def upgrade():
    """Make the table."""
    is_postgres = op.get_bind().dialect.name == "postgresql"
    json = postgresql.JSONB(none_as_null=True) if is_postgres else sa.JSON(none_as_null=True)
    op.create_table(
        "export_file",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("importer", sa.String(48), nullable=False),
        sa.Column("choices", json, nullable=False),
        sa.Column("reach", sa.String(64), nullable=False),
        sa.Column("file_key", sa.String(80)),
        sa.Column("file_name", sa.String(200), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("actor_id", sa.Integer()),
        sa.Column("job_id", sa.Integer()),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime()),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["ab_user.id"], name=op.f("fk_export_file_actor_id_ab_user"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["job.id"], name=op.f("fk_export_file_job_id_job"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export_file")),
        sa.UniqueConstraint("job_id", name=op.f("uq_export_file_job_id")),
        sqlite_autoincrement=True,
    )


def downgrade():
    """Remove it."""
    op.drop_table("export_file")
