"""The account: a company or organisation."""

from __future__ import annotations

from typing import Any

from flask_appbuilder import Model
from flask_babel import lazy_gettext as _l
from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from app.addresses import Address, address
from app.entities.models import Entity
from app.log.models import Logged
from app.models import VersionedRow
from app.search.models import Searchable, search_table
from app.security.scope import Scoped
from app.text import digits, fold, sort_key
from app.trash.models import Trashable
from app.types import SortKey

ACCOUNT_TYPES = {
    "customer": _l("Customer"),
    "prospect": _l("Prospect"),
    "partner": _l("Partner"),
    "supplier": _l("Supplier"),
    "other": _l("Other"),
}


ShippingAddress: Any = address("shipping_")


class Account(
    Model, VersionedRow, Address, ShippingAddress, Scoped, Trashable, Searchable, Logged
):
    """A company or organisation, with its invoicing and shipping addresses."""

    __tablename__ = "account"
    __table_args__ = (
        *Trashable.live_index("ix_account_sort", "sort_name", "id", include=("entity_id",)),
        *Trashable.live_index("ix_account_entity_sort", "entity_id", "sort_name", "id"),
        *Trashable.trash_index("account"),
    )
    search_table = search_table("account")

    name: Mapped[str] = mapped_column(String(160), info={"label": _l("Name"), "searched": True})
    sort_name: Mapped[str] = mapped_column(SortKey(), default="")
    type: Mapped[str] = mapped_column(
        String(12),
        default="customer",
        info={"kind": "choice", "choices": ACCOUNT_TYPES, "label": _l("Type")},
    )
    tax_number: Mapped[str | None] = mapped_column(String(40), info={"label": _l("Tax number")})
    email: Mapped[str | None] = mapped_column(
        String(254), info={"kind": "email", "label": _l("E-mail")}
    )
    phone: Mapped[str | None] = mapped_column(
        String(40), info={"kind": "phone", "label": _l("Phone")}
    )
    website: Mapped[str | None] = mapped_column(
        String(254), info={"kind": "url", "label": _l("Website")}
    )
    notes: Mapped[str | None] = mapped_column(Text, info={"label": _l("Notes")})
    parent_id: Mapped[int | None] = mapped_column(
        ForeignKey("account.id", ondelete="SET NULL"), index=True
    )
    entity_id: Mapped[int] = mapped_column(ForeignKey("entity.id"))

    parent: Mapped[Account | None] = relationship(
        remote_side="Account.id", passive_deletes=True, info={"label": _l("Parent account")}
    )
    entity: Mapped[Entity] = relationship(info={"label": _l("Entity")})

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
