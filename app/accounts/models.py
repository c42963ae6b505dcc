"""The account: a company or organisation."""

from __future__ import annotations

from typing import Any

from flask_appbuilder import Model
from flask_babel import lazy_gettext as _l
from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from app.addresses import Address, address
from app.entities.models import Entity
from app.log.models import Logged
from app.merging.models import Mergeable
from app.models import VersionedRow
from app.repositories.models import Repository
from app.search.models import Searchable, search_table
from app.security.scope import Scoped
from app.subjects import Customizable, Discussed, Documented
from app.tags.models import Tagged
from app.text import digits, fold, sort_key
from app.trash.models import Trashable
from app.types import SortKey

# What the headers of files call the columns.
NAME_SYNONYMS = (
    "company", "company name", "account name", "organisation", "organization", "business name",
    "nombre de la empresa", "empresa", "cuenta", "razon social", "denominacion", "organizacion",
)  # fmt: skip
TAX_NUMBER_SYNONYMS = (
    "tax id", "vat", "vat number", "vat id", "nif", "cif", "cif nif", "nif cif", "numero fiscal",
    "numero de identificacion fiscal", "nif iva", "tax no", "rfc",
)  # fmt: skip
EMAIL_SYNONYMS = ("e mail", "mail", "email address", "correo", "correo electronico")
PHONE_SYNONYMS = ("telephone", "phone number", "tel", "tlf", "telefono", "telf")
WEBSITE_SYNONYMS = ("web", "web site", "url", "homepage", "pagina web", "sitio web")
NOTES_SYNONYMS = ("note", "comments", "remarks", "notas", "observaciones", "comentarios")

ShippingAddress: Any = address(
    "shipping_",
    {
        "street": _l("Shipping street"),
        "postcode": _l("Shipping postcode"),
        "city": _l("Shipping city"),
        "province": _l("Shipping province"),
        "country": _l("Shipping country"),
    },
)


class AccountType(Model, Repository):
    """Customer, prospect, partner, supplier…"""

    __tablename__ = "account_type"


class Account(
    Model,
    VersionedRow,
    Address,
    ShippingAddress,
    Scoped,
    Mergeable,
    Searchable,
    Logged,
    Tagged,
    Documented,
    Discussed,
    Customizable,
):
    """A company or organisation, with its invoicing and shipping addresses."""

    __tablename__ = "account"
    __table_args__ = (
        *Trashable.live_index("ix_account_sort", "sort_name", "id", include=("entity_id",)),
        *Trashable.live_index("ix_account_entity_sort", "entity_id", "sort_name", "id"),
        *Trashable.trash_index("account"),
        *Mergeable.merged_index("account"),
        Index("ix_account_type_id", "type_id", "id"),
        # Imports find accounts by their number and by their name, those in the trash included.
        Index("ix_account_tax_number", "tax_number"),
        Index("ix_account_name", "sort_name"),
    )
    search_table = search_table("account", is_scoped=True)

    name: Mapped[str] = mapped_column(
        String(160),
        info={"label": _l("Name"), "searched": True, "also_called": NAME_SYNONYMS},
    )
    sort_name: Mapped[str] = mapped_column(SortKey(), default="")
    tax_number: Mapped[str | None] = mapped_column(
        String(40),
        info={"label": _l("Tax number"), "searched": True, "also_called": TAX_NUMBER_SYNONYMS},
    )
    email: Mapped[str | None] = mapped_column(
        String(254),
        info={
            "kind": "email",
            "label": _l("E-mail"),
            "searched": True,
            "also_called": EMAIL_SYNONYMS,
        },
    )
    phone: Mapped[str | None] = mapped_column(
        String(40),
        info={
            "kind": "phone",
            "label": _l("Phone"),
            "searched": True,
            "also_called": PHONE_SYNONYMS,
        },
    )
    website: Mapped[str | None] = mapped_column(
        String(254),
        info={"kind": "url", "label": _l("Website"), "also_called": WEBSITE_SYNONYMS},
    )
    notes: Mapped[str | None] = mapped_column(
        Text, info={"label": _l("Notes"), "also_called": NOTES_SYNONYMS}
    )
    type_id: Mapped[int | None] = mapped_column(ForeignKey("account_type.id"))
    parent_id: Mapped[int | None] = mapped_column(
        ForeignKey("account.id", ondelete="SET NULL"), index=True
    )
    entity_id: Mapped[int] = mapped_column(ForeignKey("entity.id"))

    type: Mapped[AccountType | None] = relationship(
        info={"label": _l("Type"), "also_called": ("account type", "tipo", "tipo de cuenta")}
    )
    parent: Mapped[Account | None] = relationship(
        remote_side="Account.id",
        passive_deletes=True,
        info={
            "label": _l("Parent account"),
            "also_called": ("parent", "empresa matriz", "matriz"),
        },
    )
    entity: Mapped[Entity] = relationship(
        info={"label": _l("Entity"), "also_called": ("branch", "delegacion", "sede", "seccion")}
    )

    @validates("name")
    def _update_sort_name(self, _key: str, name: str) -> str:
        self.sort_name = sort_key(name or "")
        return name

    def search_text(self) -> str:
        """Return the text accounts are found by: name, tax number, e-mail, telephone digits, city."""
        parts = (self.name, self.tax_number, self.email, digits(self.phone or ""), self.city)
        return fold(" ".join(part for part in parts if part))

    def __str__(self) -> str:
        return self.name
