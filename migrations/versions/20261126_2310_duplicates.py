"""Keep pairs of contacts that may be the same person, and groups too large to be compared."""

import sqlalchemy as sa
from alembic import op

revision = "0058"
down_revision = "0057"
branch_labels = None
depends_on = None


def upgrade():
    """Make the tables."""
    op.create_table(
        "duplicate_pair",
        sa.Column("low_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("high_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("reasons", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("scan_id", sa.Integer(), nullable=True),
        sa.Column("found_at", sa.DateTime(), nullable=False),
        sa.Column("facts", sa.String(64), nullable=True),
        sa.Column("decided_by", sa.String(160), nullable=False),
        sa.Column("decided_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["low_id"], ["contact.id"],
            name=op.f("fk_duplicate_pair_low_id_contact"), ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["high_id"], ["contact.id"],
            name=op.f("fk_duplicate_pair_high_id_contact"), ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("low_id", "high_id", name=op.f("pk_duplicate_pair")),
    )  # fmt: skip
    columns = ["state", "score", "low_id", "high_id"]
    op.create_index("ix_duplicate_pair_state", "duplicate_pair", columns)
    op.create_index("ix_duplicate_pair_high", "duplicate_pair", ["high_id"])
    op.create_table(
        "duplicate_key",
        sa.Column("scan_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("contact_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("scan_id", "key", "contact_id", name=op.f("pk_duplicate_key")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "duplicate_group",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("scan_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("contact_id", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contact.id"],
            name=op.f("fk_duplicate_group_contact_id_contact"), ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duplicate_group")),
        sqlite_autoincrement=True,
    )  # fmt: skip
    for name in ("scan_id", "contact_id"):
        op.create_index(f"ix_duplicate_group_{name}", "duplicate_group", [name])


def downgrade():
    """Drop them; a search finds the pairs again, but not who told them apart."""
    op.drop_table("duplicate_group")
    op.drop_table("duplicate_key")
    op.drop_table("duplicate_pair")
