"""Add columns for the files of custom fields to contacts and accounts."""

import sqlalchemy as sa
from alembic import op

revision = "0100"
down_revision = "0054"
branch_labels = None
depends_on = None

TABLES = ("account", "contact")
NAMES = tuple(f"custom_u{number:02}" for number in range(1, 9))


def upgrade() -> None:
    # Without a default and nullable: neither database writes the rows anew.
    for table in TABLES:
        for name in NAMES:
            op.add_column(table, sa.Column(name, sa.String(255), nullable=True))


def downgrade() -> None:
    for table in TABLES:
        for name in NAMES:
            op.drop_column(table, name)
