"""Count the rows that operations leave out, by reason, as they are processed."""

import sqlalchemy as sa
from alembic import op

revision = "0051"
down_revision = "0053"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, and count the items there are."""
    op.create_table(
        "operation_reason",
        sa.Column("operation_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("outcome", sa.String(8), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["operation_id"],
            ["operation.id"],
            name=op.f("fk_operation_reason_operation_id_operation"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "operation_id", "outcome", "reason", name=op.f("pk_operation_reason")
        ),
    )
    op.execute(
        "INSERT INTO operation_reason (operation_id, outcome, reason, count)"
        " SELECT operation_id, outcome, coalesce(reason, ''), count(*) FROM operation_item"
        " WHERE outcome IN ('refused', 'skipped')"
        " GROUP BY operation_id, outcome, coalesce(reason, '')"
    )


def downgrade() -> None:
    """Drop it: the items say the same."""
    op.drop_table("operation_reason")
