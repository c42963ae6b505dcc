"""Add city and position to the search texts, and store Spanish provinces known by name as codes.

Each statement changes all rows. Where there are a million, the trigram index of the search texts
takes about a minute.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Separates a row's own text from that of the linked row.
SEPARATOR = "\x1f"
ADDED = {"contact": ("position", "city"), "account": ("city",)}

# Folded names that were stored as typed until now.
PROVINCES = {
    "ES-A": ("alacant", "alicante/alacant"),
    "ES-B": ("barcelona",),
    "ES-BI": ("bizkaia/vizcaya", "vizcaya/bizkaia"),
    "ES-C": ("a coruna", "la coruna", "coruna", "coruna (a)", "coruna (la)", "coruna, a"),
    "ES-CS": ("castello", "castellon/castello"),
    "ES-GC": ("palmas", "palmas (las)", "palmas, las"),
    "ES-GI": ("girona", "gerona"),
    "ES-L": ("lleida", "lerida"),
    "ES-LO": ("rioja", "rioja (la)", "rioja, la"),
    "ES-LU": ("lugo",),
    "ES-M": ("comunidad de madrid",),
    "ES-MU": ("region de murcia",),
    "ES-NA": ("comunidad foral de navarra", "nafarroa", "navarra/nafarroa"),
    "ES-O": ("principado de asturias",),
    "ES-OR": ("ourense", "orense"),
    "ES-PM": ("illes balears", "islas baleares", "baleares", "balears", "balears (illes)",
              "baleares (islas)", "balears, illes", "balearic islands"),
    "ES-PO": ("pontevedra",),
    "ES-SS": ("gipuzkoa/guipuzcoa", "guipuzcoa/gipuzkoa"),
    "ES-T": ("tarragona",),
    "ES-TF": ("s/c tenerife", "s/c de tenerife", "sta. cruz de tenerife", "tenerife"),
    "ES-V": ("valencia/valencia",),
    "ES-VI": ("araba/alava", "alava/araba"),
}  # fmt: skip
COLUMNS = (("contact", "province", "country"), ("account", "province", "country"),
           ("account", "shipping_province", "shipping_country"))  # fmt: skip


def upgrade() -> None:
    for table, columns in ADDED.items():
        _replace_in_texts(table, columns, ":separator", "added || :separator")
    for table, province, country in COLUMNS:
        _store_codes(table, province, country)


def downgrade() -> None:
    # Codes stay: the program has always known them.
    for table, columns in ADDED.items():
        _replace_in_texts(table, columns, "added || :separator", ":separator")


def _replace_in_texts(table: str, columns: tuple[str, ...], old: str, new: str) -> None:
    """Replace one expression by another; ``added`` is what the columns add to a text."""
    added = " || ".join(f"coalesce(' ' || padron_fold(nullif({name}, '')), '')" for name in columns)
    has_any = " OR ".join(f"{name} <> ''" for name in columns)
    op.get_bind().execute(
        sa.text(
            f"UPDATE {table}_search SET text = (SELECT replace({table}_search.text, {old}, {new}) "
            f"FROM (SELECT {added} AS added FROM {table} WHERE id = {table}_search.row_id) AS parts) "
            f"WHERE row_id IN (SELECT id FROM {table} WHERE {has_any})"
        ).bindparams(sa.bindparam("separator", SEPARATOR, sa.Text()))
    )


def _store_codes(table: str, province: str, country: str) -> None:
    names = {name: code for code, names in PROVINCES.items() for name in names}
    rows = sa.table(table, sa.column(province), sa.column(country))
    folded = sa.func.padron_fold(rows.c[province])
    op.get_bind().execute(
        sa.update(rows)
        .where(
            folded.in_(sorted(names)),
            sa.or_(rows.c[country] == "ES", rows.c[country] == "", rows.c[country].is_(None)),
        )
        .values({province: sa.case(names, value=folded)})
    )
