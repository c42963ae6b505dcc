"""The log says of which kind an actor is; entries written before keep the column empty."""

from alembic import op

revision = "0020"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade():
    """Add the column; no row is written, so that the seals still match."""
    op.execute("ALTER TABLE log_entry ADD COLUMN actor_type VARCHAR(8)")


def downgrade():
    """Drop the column."""
    op.execute("ALTER TABLE log_entry DROP COLUMN actor_type")
