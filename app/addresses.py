"""The postal address of a model: five columns, with the labels and field types that they need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import String
from sqlalchemy.orm import Mapped, MappedColumn, mapped_column

# The names of the columns, in the order of forms.
PARTS = ("street", "postcode", "city", "province", "country")
_LENGTHS = {"street": 200, "postcode": 16, "city": 100, "province": 80, "country": 2}
_LABELS = {
    "street": _l("Street"),
    "postcode": _l("Postcode"),
    "city": _l("City"),
    "province": _l("Province"),
    "country": _l("Country"),
}

# What the headers of files call the columns of an address without a prefix.
_SYNONYMS = {
    "street": (
        "address", "street address", "address 1", "address line 1", "postal address", "direccion",
        "direccion postal", "calle", "domicilio", "via",
    ),
    "postcode": (
        "zip", "zip code", "zipcode", "postal code", "post code", "codigo postal", "cp", "c p",
    ),
    "city": ("town", "locality", "ciudad", "localidad", "municipio", "poblacion"),
    "province": ("state", "county", "region", "provincia", "estado o provincia", "comunidad"),
    "country": ("pais", "nation", "country code"),
}  # fmt: skip


def _column(
    part: str, prefix: str = "", full_labels: Mapping[str, Any] | None = None
) -> MappedColumn[str | None]:
    """Return the column of a part; postcode and province name the columns they depend on."""
    info: dict[str, Any] = {"label": _LABELS[part]}
    if not prefix:
        info["also_called"] = _SYNONYMS[part]
    if full_labels:
        info["full_label"] = full_labels[part]
    if part in ("postcode", "province", "country"):
        info["kind"] = part
    if part == "city" and not prefix:
        info["searched"] = True
    if part in ("postcode", "province") and prefix:
        info["country"] = f"{prefix}country"
    if part == "province" and prefix:
        info["postcode"] = f"{prefix}postcode"
    return mapped_column(String(_LENGTHS[part]), info=info, sort_order=1)


class Address:
    """Mixin: a model with one address."""

    street: Mapped[str | None] = _column("street")
    postcode: Mapped[str | None] = _column("postcode")
    city: Mapped[str | None] = _column("city")
    province: Mapped[str | None] = _column("province")
    country: Mapped[str | None] = _column("country")


def address(prefix: str = "", full_labels: Mapping[str, Any] | None = None) -> Any:
    """Return a mixin with an address whose columns begin with a prefix, such as ``shipping_``.

    ``full_labels`` holds what files call each part, where its label alone says too little.
    """
    if not prefix:
        return Address
    names = address_columns(prefix)
    columns = {
        name: _column(part, prefix, full_labels) for part, name in zip(PARTS, names, strict=True)
    }
    annotations = dict.fromkeys(columns, Mapped[str | None])
    return type(f"{prefix.title()}Address", (), {**columns, "__annotations__": annotations})


def address_columns(prefix: str = "") -> list[str]:
    """Return the names of the columns of an address, in the order of forms."""
    return [f"{prefix}{part}" for part in PARTS]


def copy_address(from_: Any, to: Any, from_prefix: str = "", to_prefix: str = "") -> None:
    """Copy an address from one row to another, or within a row from one prefix to another."""
    for part in PARTS:
        setattr(to, f"{to_prefix}{part}", getattr(from_, f"{from_prefix}{part}"))
