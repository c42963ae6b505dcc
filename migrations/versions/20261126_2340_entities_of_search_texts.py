"""Add the entity to the search texts, so that a user of a few entities searches theirs alone.

On PostgreSQL the texts are copied and their index is made anew: a minute for a million rows.
"""

from alembic import op

from app.search.schema import entity_statements, no_entity_statements

revision = "0052"
down_revision = "0060"
branch_labels = None
depends_on = None

TABLES = ("contact", "account")


def upgrade() -> None:
    """Add the column; on PostgreSQL with its index and the triggers that keep it."""
    for table in TABLES:
        for statement in entity_statements(table, op.get_bind().dialect.name):
            op.execute(statement)


def downgrade() -> None:
    """Remove it."""
    for table in TABLES:
        for statement in no_entity_statements(table, op.get_bind().dialect.name):
            op.execute(statement)
