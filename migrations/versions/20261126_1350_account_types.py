"""Make the types of accounts an editable list, and give accounts tags.

The five types of before become values with the same labels; what saved views filter by follows.
"""

import re
from datetime import datetime, timezone

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0030"
branch_labels = None
depends_on = None

# Code of before → label in English, in Spanish, colour; in the order of the list.
TYPES = {
    "customer": ("Customer", "Cliente", "violet"),
    "prospect": ("Prospect", "Cliente potencial", "amber"),
    "partner": ("Partner", "Colaborador", "green"),
    "supplier": ("Supplier", "Proveedor", "blue"),
    "other": ("Other", "Otro", "grey"),
}
account = sa.table("account", sa.column("type"), sa.column("type_id"))
saved_view = sa.table("saved_view", sa.column("id"), sa.column("list_name"), sa.column("query"))
_FILTER = re.compile(r"(?<![^&?])(type__(?:is|not)=)([^&]*)")


def upgrade() -> None:
    types = op.create_table(
        "account_type",
        sa.Column("label_en", sa.String(length=120), nullable=False),
        sa.Column("label_es", sa.String(length=120), nullable=False),
        sa.Column("colour", sa.String(length=12), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_type")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "account_tag",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("tag_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_account_tag_account_id_account"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tag_id"], ["tag.id"], name=op.f("fk_account_tag_tag_id_tag"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "tag_id", name=op.f("pk_account_tag")),
    )
    op.create_index("ix_account_tag_tag", "account_tag", ["tag_id", "account_id"])
    # Not with batch_alter_table, which copies the table on SQLite.
    op.execute(
        "ALTER TABLE account ADD COLUMN type_id INTEGER"
        " CONSTRAINT fk_account_type_id_account_type REFERENCES account_type (id)"
    )
    bind = op.get_bind()
    if bind.scalar(sa.select(sa.func.count()).select_from(account)):
        # A database without accounts gets its values like those of every list, by ``setup``.
        moment = datetime.now(timezone.utc).replace(tzinfo=None)
        op.bulk_insert(
            types,
            [
                {
                    "label_en": label_en,
                    "label_es": label_es,
                    "colour": colour,
                    "position": place * 10,
                    "is_active": True,
                    "version": 1,
                    "created_at": moment,
                    "updated_at": moment,
                }
                for place, (label_en, label_es, colour) in enumerate(TYPES.values(), 1)
            ],
        )
    ids = _ids_by_code()
    for code, number in ids.items():
        op.execute(account.update().where(account.c.type == code).values(type_id=number))
    _replace_in_views({code: str(number) for code, number in ids.items()})
    op.drop_column("account", "type")
    op.create_index("ix_account_type_id", "account", ["type_id", "id"])
    op.create_index("ix_account_tax_number", "account", ["tax_number"])
    op.create_index("ix_account_name", "account", ["sort_name"])


def downgrade() -> None:
    for name in ("ix_account_name", "ix_account_tax_number", "ix_account_type_id"):
        op.drop_index(name, "account")
    # The program of before knows five types: any other one is “other”.
    op.execute("ALTER TABLE account ADD COLUMN type VARCHAR(12) NOT NULL DEFAULT 'other'")
    ids = _ids_by_code()
    for code, number in ids.items():
        op.execute(account.update().where(account.c.type_id == number).values(type=code))
    _replace_in_views({str(number): code for code, number in ids.items()})
    op.drop_column("account", "type_id")
    op.drop_index("ix_account_tag_tag", "account_tag")
    op.drop_table("account_tag")
    op.drop_table("account_type")


def _ids_by_code() -> dict[str, int]:
    """Return the id of the value that stands for each type of before, as far as there is one."""
    types = sa.table("account_type", sa.column("id"), sa.column("label_en"))
    rows = op.get_bind().execute(sa.select(types.c.label_en, types.c.id).order_by(types.c.id.desc()))
    ids = {label: number for label, number in rows}
    return {code: ids[labels[0]] for code, labels in TYPES.items() if labels[0] in ids}


def _replace_in_views(new: dict[str, str]) -> None:
    """Replace the values that saved views of accounts filter by; drop a filter without any."""

    def replace(match: re.Match) -> str:
        values = [new[one] for one in re.split(",|%2C", match[2]) if one in new]
        return match[1] + ",".join(values) if values else ""

    bind = op.get_bind()
    views = saved_view.c.list_name.in_(("accounts", "accounts-trash"))
    for number, query in bind.execute(
        sa.select(saved_view.c.id, saved_view.c.query).where(views)
    ).all():
        replaced = _FILTER.sub(replace, query)
        if replaced != query:
            replaced = re.sub("&+", "&", replaced).strip("&").replace("?&", "?")
            bind.execute(
                saved_view.update().where(saved_view.c.id == number).values(query=replaced)
            )
