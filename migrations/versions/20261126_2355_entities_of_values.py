"""Include the entity in the indexes of the type, category, status and account of contacts.

On PostgreSQL the first contacts of an entity with a value are then found without reading those of
other entities: where an entity has none with a frequent value, that were nearly all rows.
"""

from alembic import op

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None

COLUMNS = ("type_id", "category_id", "status_id", "account_id")


def upgrade() -> None:
    """Make the indexes anew, with the columns of the scope."""
    _index("entity_id", "trashed_at")


def downgrade() -> None:
    """Make them as they were."""
    _index()


def _index(*include: str) -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for column in COLUMNS:
        name = f"ix_contact_{column}"
        op.drop_index(name, "contact")
        op.create_index(name, "contact", [column, "id"], postgresql_include=list(include) or None)
