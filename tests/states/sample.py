"""A sample model whose rows have a state and are locked once they are closed, with all its plugs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from flask_appbuilder import Model
from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.crud.api import ModelApi
from app.crud.interface import ScopedInterface, TrashInterface
from app.crud.modelview import ModelView
from app.crud.trashview import TrashView
from app.entities.models import Entity
from app.extensions import db
from app.i18n.counted import Counted
from app.lines import Line, lines_of
from app.log.models import Logged
from app.models import VersionedRow
from app.operations.actions import Action, ActionForm, ReasonField
from app.operations.batch import Batch
from app.security.areas import Area
from app.security.scope import Scoped
from app.staff.models import StaffUser
from app.states.locks import Guarded
from app.states.stateful import Stateful
from app.states.transitions import Transition
from app.trash.models import Trashable
from app.types import UTCDateTime, now
from tests.factories import the_entity

CLOSED = "This ticket is closed: open it again first."
BURNING = "Put the fire out first."
FINAL = "What is finished stays so."
STATES = {"new": "New", "open": "Open", "closed": "Closed"}


def declare() -> dict[str, Any]:
    """Declare the model, its screens and its actions, for ``tests.sample``."""

    class Ticket(Model, VersionedRow, Scoped, Trashable, Logged, Stateful, Guarded):
        __tablename__ = "sample_ticket"
        states: ClassVar = STATES
        initial = "new"
        name: Mapped[str] = mapped_column(String(80), info={"label": "Subject"})
        notes: Mapped[str | None] = mapped_column(String(80), info={"label": "Notes"})
        entity_id: Mapped[int] = mapped_column(ForeignKey("entity.id"))
        entity: Mapped[Entity] = relationship(info={"label": "Entity"})
        closed_at: Mapped[datetime | None] = mapped_column(UTCDateTime, info={"label": "Closed"})
        closed_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"))
        closed_by: Mapped[StaffUser | None] = relationship(info={"label": "Closed by"})
        steps = lines_of("Step", "Steps")

        def __str__(self) -> str:
            return self.name

        @classmethod
        def locks(cls, row):
            return [(row.state == "closed", CLOSED)]

    class Step(Model, Line):
        __tablename__ = "sample_step"
        fields: ClassVar = ("text",)
        ticket_id: Mapped[int] = mapped_column(ForeignKey("sample_ticket.id", ondelete="CASCADE"))
        text: Mapped[str] = mapped_column(String(40), info={"label": "Step"})

    class TicketView(ModelView):
        datamodel = ScopedInterface(Ticket)
        route_base = "/tickets"
        label, singular, area = "Tickets", "Ticket", Area.CONTACTS
        counted = Counted("%(num)s ticket", "%(num)s tickets")
        list_columns: ClassVar = ["name", "state", "notes"]
        search_columns: ClassVar = ["name", "state"]
        edit_columns: ClassVar = ["name", "notes", "entity"]
        show_columns: ClassVar = ["name", "state", "notes", "entity"]

    class TicketTrashView(TrashView):
        datamodel = TrashInterface(Ticket)
        route_base = "/tickets/trash"
        label, list_label, area = "Trash", "Tickets", Area.CONTACTS
        list_route_base = "/tickets"
        list_columns: ClassVar = ["name", "trashed_at"]
        edit_columns: ClassVar = ["name"]

    class TicketApi(ModelApi):
        view = TicketView

    class ChangeNotes(Action):
        model, label = Ticket, "Change notes"

        class Form(ActionForm):
            notes = ReasonField("Notes")

        def apply(self, batch: Batch) -> None:
            batch.set(Ticket.notes, self.answers.notes)

    class Close(Transition):
        model, label, logged = Ticket, "Close", "closed this"
        from_, to = ("new", "open"), "closed"
        help = "A closed ticket is locked."

        class Form(ActionForm):
            reason = ReasonField("Why")

        def check(self, row):
            return [(row.name == "Fire", BURNING)]

        def values(self):
            at, by = now(), self.actor.id
            return {"notes": self.answers.reason, "closed_at": at, "closed_by_id": by}

    class OpenAgain(Transition):
        model, label = Ticket, "Open again"
        from_, to = ("closed",), "open"

    class Finish(Transition):
        model, label, why_not_undone = Ticket, "Finish", FINAL
        from_, to = ("open",), "closed"

        def moved(self, session, ids):
            for row in session.scalars(select(Ticket).where(Ticket.id.in_(ids))):
                row.notes = "Done"

    return locals()


def a_ticket(app: Any, state: str = "new", entity: str = "Norte", **fields: Any) -> Any:
    """Create a ticket in a state."""
    row = app.sample.Ticket(entity=the_entity(entity), **{"name": "Roof"} | fields)
    db.session.add(row)
    db.session.commit()
    set_state(row, state)
    return row


def set_state(row: Any, state: str) -> None:
    """Write the state of a row past all checks."""
    table = type(row).__table__
    db.session.execute(table.update().where(table.c.id == row.id).values(state=state))
    db.session.commit()
    db.session.refresh(row)
