"""A whole room: what a new business model costs. ``test_sample_room`` runs the contract tests on it."""

# fmt: off
from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from flask_appbuilder import Model
from flask_babel import lazy_gettext as _l
from sqlalchemy import ForeignKey, Integer, String, func, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import types
from app.accounts.models import Account
from app.added_fields import ComputedField
from app.crud.interface import ScopedInterface
from app.crud.modelview import ModelView
from app.crud.relatedtab import RelatedTab
from app.entities.models import Entity
from app.i18n.counted import Counted
from app.importexport.importer import Importer, MatchRule
from app.imports.views.importing import ImportExportPages
from app.lines import Line, lines_of
from app.log.models import Logged
from app.models import VersionedRow
from app.numbers.models import Numbered
from app.search.models import Searchable, search_table
from app.security.areas import Area
from app.security.scope import Scoped, not_trashed, scope_condition
from app.states.locks import Guarded
from app.states.stateful import Stateful
from app.states.transitions import Transition
from app.tags.models import Tagged
from app.text import fold
from app.trash.models import Trashable


class Boat(Model, VersionedRow, Scoped, Trashable, Searchable, Logged, Numbered, Stateful, Guarded, Tagged):
    __tablename__ = "boat"
    series, search_table, search_linked = "boat/{year}", search_table("boat"), "account"
    states: ClassVar = {"afloat": "Afloat", "sold": "Sold"}
    initial = "afloat"
    name: Mapped[str] = mapped_column(String(80), info={"label": _l("Name"), "searched": True})
    price: Mapped[Decimal | None] = mapped_column(types.Money(), info={"kind": "money", "label": _l("Amount")})
    launched_at: Mapped[datetime | None] = mapped_column(types.UTCDateTime, info={"label": _l("Created")})
    entity_id: Mapped[int] = mapped_column(ForeignKey("entity.id"), index=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"), index=True)
    entity: Mapped[Entity] = relationship(info={"label": _l("Entity")})
    account: Mapped[Account | None] = relationship(info={"label": _l("Account")})
    equipment: Mapped[list[BoatLine]] = lines_of("BoatLine", "Equipment")

    def __str__(self):
        return self.name

    def search_text(self):
        return fold(self.name)

    @classmethod
    def locks(cls, row):
        return [(row.state == "sold", "This boat is sold.")]


class BoatLine(Model, Line):
    __tablename__ = "boat_line"
    fields = ("what", "count")
    boat_id: Mapped[int] = mapped_column(ForeignKey("boat.id", ondelete="CASCADE"), index=True)
    what: Mapped[str] = mapped_column(String(40), info={"label": "What"})
    count: Mapped[int] = mapped_column(default=1, info={"label": "How many"})


class Sell(Transition):
    model, label, from_, to = Boat, _l("Close"), ("afloat",), "sold"


class BoatView(ImportExportPages, ModelView):
    datamodel = ScopedInterface(Boat)
    route_base, label, singular, area = "/boats", _l("Sessions"), _l("Session"), Area.CONTACTS
    counted = Counted("%(num)s boat", "%(num)s boats")
    list_columns: ClassVar = ["name", "number", "state", "price", "account", "tags", "launched_at", "entity"]
    edit_columns: ClassVar = ["name", "number", "price", "launched_at", "account", "entity", "tags", "equipment"]
    show_columns: ClassVar = ["state", *edit_columns]
    unique_columns, trash_note = ("number",), "What is sold stays here."
    api = trash = in_new_menu = True


class BoatImporter(Importer):
    name, model = "boats", Boat
    label, import_label, export_label = _l("Sessions"), _l("Import"), _l("Export")
    match_rules: ClassVar = (MatchRule("number", _l("Number"), ("number",)), MatchRule("name", _l("Name"), ("name",)))


class AccountBoats(RelatedTab):
    name, label, model, screen, by = "boats", "Boats", Account, BoatView, "account"


class BoatCount(ComputedField):
    model, name, label, type = Account, "boat_count", "Boats", Integer()

    @classmethod
    def expression(cls, row, actor):
        query = select(func.count(Boat.id)).where(Boat.account_id == row.id, not_trashed(Boat))
        return query.where(scope_condition(Boat, actor)).scalar_subquery()
