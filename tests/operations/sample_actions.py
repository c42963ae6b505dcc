"""Sample actions for the tests: combinations of verbs that no room has yet."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func
from sqlalchemy.orm import Session

from app.contacts.models import Contact, Status, Tag
from app.crud.fields import TypedField
from app.errors import DomainError
from app.fieldtypes import get_field_type
from app.operations.actionbase import Action, ActionForm, RepositoryField
from app.operations.batch import Batch


def _field(name: str) -> TypedField:
    column = Contact.__mapper__.column_attrs[name].columns[0]
    return TypedField(name, field_type=get_field_type(column), required=False)


def make_sample_actions() -> dict[str, type[Action]]:
    """Define the actions, which registers them; return them by name."""

    class Welcome(Action):
        """Set two columns and add a tag: three verbs."""

        model, label = Contact, "Welcome"

        class Form(ActionForm):
            status = RepositoryField(Status, "Status", or_none=True)
            position = _field("position")
            tag = RepositoryField(Tag, "Tag")

        def apply(self, batch: Batch) -> None:
            batch.set(Contact.status_id, getattr(self.answers.status, "id", None))
            batch.set(Contact.position, self.answers.position)
            batch.link(Contact.tags, self.answers.tag)

    class ChangePlain(Action):
        """Set a date and a text, or empty them."""

        model, label = Contact, "Change plain"

        class Form(ActionForm):
            birth_date = _field("birth_date")
            notes = _field("notes")

        def apply(self, batch: Batch) -> None:
            batch.set(Contact.birth_date, self.answers.birth_date)
            batch.set(Contact.notes, self.answers.notes)

    class Retire(Action):
        """Move to the trash, and set a column."""

        model, label = Contact, "Retire"

        def apply(self, batch: Batch) -> None:
            batch.move_to_trash()
            batch.set(Contact.position, "retired")

    class Choosy(Action):
        """Refuse and skip rows, with conditions that are NULL for some rows."""

        model, label = Contact, "Choosy"
        reasons = {"boss": "The boss.", "child": "Too young."}

        def apply(self, batch: Batch) -> None:
            # Both are NULL for contacts without a position or a birth date.
            batch.refuse(Contact.position == "boss", "boss")
            batch.skip(Contact.birth_date > func.date("2010-01-01"), "child")
            batch.set(Contact.department, "all")

    class Rename(Action):
        """Change rows one by one, through the session's listeners."""

        model, label = Contact, "Rename"

        def apply(self, batch: Batch) -> None:
            batch.each(Contact.last_name != "RUIZ", self._change, self._show)

        def _change(self, row: Contact) -> tuple[Any, str, str]:
            if row.position == "boss":
                row.last_name = "half done"
                raise DomainError("Nobody renames the boss.")
            old = row.last_name
            row.last_name = "RUIZ"
            return old, old, "RUIZ"

        def _show(self, row: Contact) -> tuple[Any, str, str]:
            return "Last name", row.last_name, "RUIZ"

        def undo_row(self, session: Session, row: Any, before: Any) -> tuple[str, str]:
            if row.last_name != "RUIZ":
                raise DomainError("It has changed since.")
            row.last_name = before
            return "RUIZ", before

    actions = (Welcome, ChangePlain, Retire, Choosy, Rename)
    return {kind.__name__: kind for kind in actions}
