"""Index the postcodes and countries of contacts, so that a list can be sorted by them.

On PostgreSQL, the index by entity also holds the account, so that a search within an entity need
not read the rows to see whether they may be found by its name.
"""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

LIVE = sa.text("trashed_at IS NULL")
SORTED = ("postcode", "country")


def upgrade():
    """Add the indexes."""
    for name in SORTED:
        op.create_index(
            f"ix_contact_{name}", "contact", [name, "id"],
            sqlite_where=LIVE, postgresql_where=LIVE, postgresql_include=["entity_id"],
        )  # fmt: skip
    _index_entities("type_id", "status_id", "account_id")


def downgrade():
    """Drop them, and make the index by entity as it was."""
    for name in SORTED:
        op.drop_index(f"ix_contact_{name}", "contact")
    _index_entities("type_id", "status_id")


def _index_entities(*include):
    if op.get_bind().dialect.name != "postgresql":
        return
    op.drop_index("ix_contact_entity_sort", "contact")
    op.create_index(
        "ix_contact_entity_sort", "contact", ["entity_id", "sort_name", "id"],
        postgresql_where=LIVE, postgresql_include=list(include),
    )  # fmt: skip
