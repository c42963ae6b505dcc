"""Note how a custom field was used before its conversion, so that undoing gives it back."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0101"
down_revision = "0080"
branch_labels = None
depends_on = None


def upgrade() -> None:
    json = sa.JSON(none_as_null=True).with_variant(
        postgresql.JSONB(none_as_null=True), "postgresql"
    )
    op.add_column("custom_conversion", sa.Column("used_as", json, nullable=True))


def downgrade() -> None:
    op.drop_column("custom_conversion", "used_as")
