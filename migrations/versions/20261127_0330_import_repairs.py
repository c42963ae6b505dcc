"""Keep the cell of each problem of an import, by whose text problems are grouped."""

import sqlalchemy as sa
from alembic import op

revision = "0080"
down_revision = "0071"
branch_labels = None
depends_on = None


def upgrade():
    """Add the columns; the problems of imports of before are not grouped."""
    op.add_column("import_issue", sa.Column("cell", sa.String(200)))
    op.add_column(
        "import_issue", sa.Column("value", sa.String(200), nullable=False, server_default="")
    )
    op.add_column(
        "import_issue",
        sa.Column("is_trashed", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_index("ix_import_issue_value", "import_issue", ["run_id", "field", "value"])


def downgrade():
    """Drop them."""
    op.drop_index("ix_import_issue_value", "import_issue")
    for name in ("is_trashed", "value", "cell"):
        op.drop_column("import_issue", name)
