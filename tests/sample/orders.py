"""An order with lines: what the tests of lines declare."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask_appbuilder import Model
from flask_babel import lazy_gettext as _l
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import types
from app.accounts.models import Account
from app.contacts.models import ContactType
from app.crud.api.resource import ModelApi
from app.crud.interface import ScopedInterface
from app.crud.modelview import ModelView
from app.entities.models import Entity
from app.lines import Line, lines_of
from app.log.models import Logged
from app.models import VersionedRow
from app.security.areas import Area
from app.security.scope import Scoped

FIELDS = ("text", "quantity", "price", "type", "account")


def declare() -> dict[str, Any]:
    class SampleOrder(Model, VersionedRow, Scoped, Logged):
        __tablename__ = "sample_order"
        name: Mapped[str] = mapped_column(String(40), info={"label": _l("Name")})
        entity_id: Mapped[int] = mapped_column(ForeignKey("entity.id"))
        entity: Mapped[Entity] = relationship(info={"label": _l("Entity")})
        lines: Mapped[list[SampleLine]] = lines_of("SampleLine", _l("Lines"))

        def __str__(self) -> str:
            return self.name

    class SampleLine(Model, Line):
        __tablename__ = "sample_line"
        fields = FIELDS
        order_id: Mapped[int] = mapped_column(
            ForeignKey("sample_order.id", ondelete="CASCADE"), index=True
        )
        text: Mapped[str] = mapped_column(String(80), info={"label": _l("Text")})
        quantity: Mapped[Decimal] = mapped_column(
            types.Quantity(), default=Decimal(1), info={"label": _l("Number"), "kind": "quantity"}
        )
        price: Mapped[Decimal | None] = mapped_column(
            types.Money(), info={"label": _l("Amount"), "kind": "money"}
        )
        type_id: Mapped[int | None] = mapped_column(ForeignKey("contact_type.id"))
        type: Mapped[ContactType | None] = relationship(info={"label": _l("Type")})
        account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
        account: Mapped[Account | None] = relationship(info={"label": _l("Account")})

    class SampleOrderView(ModelView):
        datamodel = ScopedInterface(SampleOrder)
        route_base = "/sample-orders"
        label = singular = _l("Items")
        area = Area.CONTACTS
        list_columns = ["name", "entity"]
        edit_columns = ["name", "entity", "lines"]
        show_columns = ["name", "lines"]

    class SampleOrderApi(ModelApi):
        view = SampleOrderView

    return locals()
