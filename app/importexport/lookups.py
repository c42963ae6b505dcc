"""Find the rows that cells name: values of a repository, accounts, entities."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n.languages import current_language
from app.repositories.models import Repository
from app.security.actor import Actor
from app.security.scope import visible
from app.text import clean, fold, sort_key


class Ref:
    """A row that a cell names; without an id it is still to be created."""

    __slots__ = ("id", "label")

    def __init__(self, row_id: int | None, label: str) -> None:
        self.id = row_id
        self.label = label

    def as_log(self) -> list[Any]:
        """Return the row as the log writes it."""
        return [self.id, self.label]


class Resolver:
    """Finds rows of one model by what people call them."""

    longest = 120

    def __init__(self, session: Session, model: Any, actor: Actor, may_create: bool) -> None:
        self.session = session
        self.model = model
        self.actor = actor
        self.may_create = may_create
        self.known: dict[str, list[Ref]] = {}
        self.labels: dict[int, str] = {}
        # What a row is called in a file, so that it is found again.
        self.texts: dict[int, str] = {}
        self.wanted: dict[str, Ref] = {}
        self.created: list[Ref] = []

    def look_up(self, texts: Iterable[str]) -> None:
        """Fetch what these texts may name, in one statement at most."""

    def key(self, text: str) -> str:
        """Return what a name is compared by."""
        return fold(text)

    def knows(self, text: str) -> bool:
        """Say whether there is a row by this name."""
        return bool(self.known.get(self.key(text)))

    def find(self, text: str, current: int | None = None) -> Ref:
        """Return the row by this name; ``current`` wins when several have it."""
        text = clean(text)
        found = self.known.get(text) or self.known.get(self.key(text)) or []
        if len(found) == 1:
            return found[0]
        for ref in found:
            if ref.id == current and current is not None:
                return ref
        if found:
            return self.choose(text, found)
        if not self.may_create:
            raise DomainError(self.unknown(text))
        if len(text) > self.longest:
            raise DomainError(_("Too long: %(count)s characters at most.", count=self.longest))
        return self.wanted.setdefault(self.key(text), Ref(None, text))

    def choose(self, text: str, found: Sequence[Ref]) -> Ref:
        """Return one of several rows of the same name, or refuse to."""
        raise DomainError(
            _("“%(value)s” could be any of %(count)d.", value=text[:80], count=len(found))
        )

    def unknown(self, text: str) -> str:
        """Return the sentence that there is no such row."""
        return _("There is no “%(value)s”.", value=text[:80])

    def create_wanted(self, wanted: Iterable[Ref], entity_ids: dict[int, int]) -> None:
        """Make the rows that were asked for and are still missing; one INSERT."""
        missing = [ref for ref in dict.fromkeys(wanted) if ref.id is None]
        rows = [self.new_row(ref, entity_ids.get(id(ref))) for ref in missing]
        self.session.add_all(rows)
        self.session.flush()
        for ref, row in zip(missing, rows, strict=True):
            ref.id = row.id
            self.labels[row.id] = ref.label
        self.created = missing

    def forget_created(self) -> None:
        """Take back what a failed transaction made."""
        for ref in self.created:
            ref.id = None
        self.created = []

    def new_row(self, ref: Ref, entity_id: int | None) -> Any:
        """Return a new row by this name."""
        raise NotImplementedError


class Values(Resolver):
    """The values of a repository, by their label in either language."""

    def __init__(self, session: Session, model: Any, actor: Actor, may_create: bool) -> None:
        super().__init__(session, model, actor, may_create)
        rows: Sequence[Any] = session.execute(
            select(model.id, model.label_en, model.label_es).order_by(model.position, model.id)
        ).all()
        spanish = current_language() == "es"
        for row_id, label_en, label_es in rows:
            label = (label_es or label_en) if spanish else (label_en or label_es)
            self.labels[row_id] = label
        # An exact label goes before a folded one, the first value before the second.
        refs = {row_id: Ref(row_id, self.labels[row_id]) for row_id, _en, _es in rows}
        for fold_it in (clean, fold):
            for row_id, label_en, label_es in rows:
                for label in (label_en, label_es):
                    if label:
                        self.known.setdefault(fold_it(label), [refs[row_id]])
        self.texts = {
            row_id: next(
                (t for t in (refs[row_id].label, en, es) if t and self.find(t).id == row_id),
                refs[row_id].label,
            )
            for row_id, en, es in rows
        }

    def new_row(self, ref: Ref, entity_id: int | None) -> Repository:
        """Return a new value, labelled in the reader's language."""
        return self.model(
            position=990,
            is_active=True,
            colour="grey",
            **{f"label_{current_language()}": ref.label},
        )


class Tree(Resolver):
    """The entities within the actor's reach, by name or, where names repeat, by their path."""

    def __init__(self, session: Session, model: Any, actor: Actor, may_create: bool) -> None:
        super().__init__(session, model, actor, False)
        rows = session.execute(select(model.id, model.name, model.path)).all()
        names = {row_id: name for row_id, name, _path in rows}
        self.reach = set(session.scalars(visible(model, actor).with_only_columns(model.id)))
        folded = [fold(name) for name in names.values()]
        for row_id, name, path in rows:
            steps = [names.get(int(step), "") for step in path.split("/") if step]
            whole = " / ".join(steps)
            self.labels[row_id] = name
            self.texts[row_id] = name if folded.count(fold(name)) == 1 else whole
            if row_id in self.reach:
                ref = Ref(row_id, name)
                self.known.setdefault(fold(name), []).append(ref)
                if len(steps) > 1:
                    self.known.setdefault(fold(whole), []).append(ref)

    def find(self, text: str, current: int | None = None) -> Ref:
        """Return the entity by this name, path or number."""
        if text.isascii() and text.isdigit() and not self.knows(text):
            for refs in self.known.values():
                for ref in refs:
                    if ref.id == int(text):
                        return ref
        return super().find(text, current)

    def is_near(self, entity_id: int) -> bool:
        """Say whether an entity is within the actor's reach."""
        return entity_id in self.reach

    def unknown(self, text: str) -> str:
        """Return the sentence that there is no such entity."""
        return _("There is no entity “%(value)s” within your reach.", value=text[:80])


class Named(Resolver):
    """Rows found by name, of which there may be very many: fetched as they are asked for."""

    longest = 160

    def __init__(self, session: Session, model: Any, actor: Actor, may_create: bool) -> None:
        super().__init__(session, model, actor, may_create)
        self.asked: set[str] = set()

    def key(self, text: str) -> str:
        """Return the indexed key of a name."""
        return sort_key(text)

    def look_up(self, texts: Iterable[str]) -> None:
        """Fetch the rows of these names."""
        keys = {self.key(text) for text in texts} - self.asked
        if not keys:
            return
        # A cache, not an archive: a file may name very many.
        if len(self.asked) > 50_000:
            self.asked.clear()
            self.known.clear()
        self.asked |= keys
        model = self.model
        query = visible(model, self.actor).where(model.sort_name.in_(keys))
        for row_id, name, key in self.session.execute(
            query.with_only_columns(model.id, model.name, model.sort_name)
        ):
            self.known.setdefault(key, []).append(Ref(row_id, name))

    def new_row(self, ref: Ref, entity_id: int | None) -> Any:
        """Return a new row by this name, in the entity of the first row that asks for it."""
        return self.model(name=ref.label, entity_id=entity_id)

    def unknown(self, text: str) -> str:
        """Return the sentence that there is no such account."""
        return _("There is no account “%(value)s”.", value=text[:80])


def split_list(cell: str, known: Resolver) -> list[str]:
    """Return the parts of a cell that holds several values, as ``join_list`` wrote them."""
    parts = []
    for part in next(
        csv.reader([cell.replace("\n", ";")], delimiter=";", skipinitialspace=True), []
    ):
        part = clean(part)
        if not part or known.knows(part):
            parts.append(part)
            continue
        # Other programs separate by commas or bars.
        for mark in (",", "|"):
            if mark in part:
                parts += [clean(piece) for piece in part.split(mark)]
                break
        else:
            parts.append(part)
    return [part for part in dict.fromkeys(parts) if part]


def join_list(labels: Iterable[str]) -> str:
    """Write several values into one cell."""
    return "; ".join(
        '"' + label.replace('"', '""') + '"' if set(label) & set(';",|') else label
        for label in labels
    )
