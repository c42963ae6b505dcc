"""Index the names of photos, to find the files that no contact names."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

HAS_PHOTO = sa.text("photo IS NOT NULL")


def upgrade():
    op.create_index(
        "ix_contact_photo",
        "contact",
        ["photo"],
        sqlite_where=HAS_PHOTO,
        postgresql_where=HAS_PHOTO,
    )


def downgrade():
    op.drop_index("ix_contact_photo", "contact")
