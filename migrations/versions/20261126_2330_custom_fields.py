"""Add custom fields: their definitions, and columns for their values in contacts and accounts."""

import sqlalchemy as sa
from alembic import op

revision = "0060"
down_revision = "0058"
branch_labels = None
depends_on = None

TABLES = ("account", "contact")
# Letter of the slots → how many there are, and the type of their columns.
SLOTS = {
    "t": (24, sa.String(255)),
    "l": (6, sa.Text()),
    "n": (16, sa.BigInteger()),
    "f": (16, sa.Boolean()),
    "d": (16, sa.Date()),
    "c": (20, sa.String(12)),
    "m": (12, sa.Text()),
}


def upgrade() -> None:
    op.create_table(
        "custom_field",
        sa.Column("label_en", sa.String(120), nullable=False),
        sa.Column("label_es", sa.String(120), nullable=False),
        sa.Column("help_en", sa.String(255)),
        sa.Column("help_es", sa.String(255)),
        sa.Column("subject", sa.String(48), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("slot", sa.String(4)),
        sa.Column("section_en", sa.String(120)),
        sa.Column("section_es", sa.String(120)),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_required", sa.Boolean(), nullable=False),
        sa.Column("in_filters", sa.Boolean(), nullable=False),
        sa.Column("is_sortable", sa.Boolean(), nullable=False),
        sa.Column("is_indexed", sa.Boolean(), nullable=False),
        sa.Column("is_emptied", sa.Boolean(), nullable=False),
        sa.Column("portal", sa.String(8), nullable=False),
        sa.Column("is_personal", sa.Boolean(), nullable=False),
        sa.Column("identifies", sa.Boolean(), nullable=False),
        sa.Column("validity_months", sa.Integer()),
        sa.Column("warn_days", sa.Integer()),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("trashed_at", sa.DateTime()),
        sa.Column("trashed_by_id", sa.Integer()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_custom_field")),
        sa.UniqueConstraint("subject", "slot", name=op.f("uq_custom_field_subject_slot")),
        sqlite_autoincrement=True,
    )
    for name, columns, condition in (
        ("ix_custom_field_position", ["position", "id"], "trashed_at IS NULL"),
        ("ix_custom_field_trashed", ["trashed_at", "id"], "trashed_at IS NOT NULL"),
    ):
        op.create_index(
            name,
            "custom_field",
            columns,
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )
    op.create_table(
        "custom_option",
        sa.Column("field_id", sa.Integer(), nullable=False),
        sa.Column("label_en", sa.String(120), nullable=False),
        sa.Column("label_es", sa.String(120), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["field_id"],
            ["custom_field.id"],
            name=op.f("fk_custom_option_field_id_custom_field"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_custom_option")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_custom_option_field_id", "custom_option", ["field_id"])
    op.create_table(
        "custom_field_type",
        sa.Column("field_id", sa.Integer(), nullable=False),
        sa.Column("type_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["field_id"],
            ["custom_field.id"],
            name=op.f("fk_custom_field_type_field_id_custom_field"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["type_id"],
            ["contact_type.id"],
            name=op.f("fk_custom_field_type_type_id_contact_type"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("field_id", "type_id", name=op.f("pk_custom_field_type")),
    )
    op.create_index("ix_custom_field_type_type", "custom_field_type", ["type_id", "field_id"])
    op.create_table(
        "custom_conversion",
        sa.Column("field_id", sa.Integer(), nullable=False),
        sa.Column("from_kind", sa.String(12), nullable=False),
        sa.Column("from_slot", sa.String(4), nullable=False),
        sa.Column("to_kind", sa.String(12), nullable=False),
        sa.Column("to_slot", sa.String(4), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("fits", sa.Integer(), nullable=False),
        sa.Column("misfits", sa.Integer(), nullable=False),
        sa.Column("log_id", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.Integer()),
        sa.Column("undo_until", sa.DateTime()),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["field_id"],
            ["custom_field.id"],
            name=op.f("fk_custom_conversion_field_id_custom_field"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_custom_conversion")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_custom_conversion_field_id", "custom_conversion", ["field_id"])
    # Without a default and nullable: neither database writes the rows anew.
    for table in TABLES:
        for name, type_ in _slots():
            op.add_column(table, sa.Column(name, type_, nullable=True))


def downgrade() -> None:
    for table in TABLES:
        for name, _type in _slots():
            op.drop_column(table, name)
    op.drop_table("custom_conversion")
    op.drop_table("custom_field_type")
    op.drop_table("custom_option")
    op.drop_table("custom_field")


def _slots():
    for letter, (count, type_) in SLOTS.items():
        for number in range(1, count + 1):
            yield f"custom_{letter}{number:02}", type_
