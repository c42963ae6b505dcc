"""Index the towns of contacts, so that a list can be sorted by them."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

NAME = "ix_contact_city"
LIVE = sa.text("trashed_at IS NULL")


def upgrade():
    """Index the contacts that are not in the trash."""
    op.create_index(
        NAME, "contact", ["city", "id"],
        sqlite_where=LIVE, postgresql_where=LIVE, postgresql_include=["entity_id"],
    )  # fmt: skip


def downgrade():
    """Drop the index."""
    op.drop_index(NAME, "contact")
