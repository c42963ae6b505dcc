"""Keep of which file and sheet the rows of an import were read."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0090"
down_revision = "0100"
branch_labels = None
depends_on = None


def upgrade():
    """Add the columns."""
    is_postgres = op.get_bind().dialect.name == "postgresql"
    json = postgresql.JSONB(none_as_null=True) if is_postgres else sa.JSON(none_as_null=True)
    with op.batch_alter_table("import_run") as table:
        table.add_column(sa.Column("original_key", sa.String(80)))
        table.add_column(sa.Column("sheets", json))
        table.add_column(sa.Column("sheet", sa.String(200)))


def downgrade():
    """Remove them."""
    with op.batch_alter_table("import_run") as table:
        table.drop_column("sheet")
        table.drop_column("sheets")
        table.drop_column("original_key")
