"""Write items of operations without checking a foreign key for each.

The check took longer than the row. An item is written in a transaction that also counts it in its
operation, and no operation is deleted while it has items.
"""

from alembic import op

revision = "0070"
down_revision = "0091"
branch_labels = None
depends_on = None

NAME = "fk_operation_item_operation_id_operation"


def upgrade() -> None:
    """Drop the foreign key."""
    with op.batch_alter_table("operation_item") as batch:
        batch.drop_constraint(op.f(NAME), type_="foreignkey")


def downgrade() -> None:
    """Create it again."""
    with op.batch_alter_table("operation_item") as batch:
        batch.create_foreign_key(
            op.f(NAME), "operation", ["operation_id"], ["id"], ondelete="CASCADE"
        )
