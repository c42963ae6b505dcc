"""Let the names of number series be longer, such as ``credit-note/2026``; the counters stay."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade():
    """Give the name 64 characters."""
    _set_length(32, 64)


def downgrade():
    """Give the name 32 characters again; counters of longer names go."""
    op.execute("DELETE FROM counter WHERE length(name) > 32")
    _set_length(64, 32)


def _set_length(old, new):
    with op.batch_alter_table("counter") as table:
        table.alter_column(
            "name", existing_type=sa.String(old), type_=sa.String(new), existing_nullable=False
        )
