"""Two people changed the same file: show both, lose nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from app.crud.fields import FlagField, KindField, LinkField, LinksField
from app.crud.forms import RowForm
from app.log.queries import changes_since
from app.log.values import foreign_keys, plain


@dataclass(frozen=True)
class Clash:
    """One field that both changed: what is saved now, and what was typed."""

    field: Any
    saved: str
    typed: str
    # What the form needs to take the saved value: one value, or several of a list.
    raw: list[str]


def merge(session: Session, form: RowForm, row: Any) -> tuple[list[Clash], list[str]]:
    """Bring a stale form up to date.

    A field that only the other person changed takes the value that is saved; returned are the
    fields that both changed, and the labels of those taken over. The form is validated already.
    """
    entries = changes_since(session, row, int(form.version.data))
    keys = {relation: key for key, (relation, _t) in foreign_keys(type(row)).items()}
    clashes, taken = [], []
    for field in form:
        if not isinstance(field, KindField | LinkField | LinksField | FlagField):
            continue
        name = keys.get(field.name, field.name)
        touched = [e.changes[name] for e in entries if e.changes and name in e.changes]
        saved = getattr(row, field.name)
        if not touched or _same(saved, field.data):
            continue
        if _written(field.data) == _comparable(touched[0][0]):
            _take(field, saved)
            taken.append(str(field.label.text))
        else:
            clashes.append(
                Clash(
                    field,
                    show(field, saved) or _("nothing"),
                    _typed(field),
                    _raw(field, saved),
                )
            )
    return clashes, taken


def show(field: Any, value: Any) -> str:
    """Write a field's value for people."""
    if isinstance(field, LinksField):
        return ", ".join(str(row) for row in field.seen_of(value))
    if isinstance(field, LinkField):
        if value is not None and not field.seen_of([value]):
            return _("somebody or something you may not see")
        return str(value or "")
    if isinstance(field, FlagField):
        return _("Yes") if value else _("No")
    return field.kind.show(value)


def _typed(field: Any) -> str:
    """Write what was typed: as it is, where it is no value of the field's kind."""
    if isinstance(field, KindField) and field.errors:
        return str(field.typed or "")
    return show(field, field.data)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, list):
        return {row.id for row in one} == {row.id for row in other}
    return _filled(one) == _filled(other)


def _filled(value: Any) -> Any:
    """Return a value, or None for what leaves a field empty; a nought is a value."""
    return None if value == "" or value is False else value


def _written(value: Any) -> Any:
    if isinstance(value, list):
        return sorted(row.id for row in value)
    if hasattr(value, "id"):
        return value.id
    return _filled(plain(value))


def _comparable(old: Any) -> Any:
    """Return a logged value as ``_written`` writes it."""
    if isinstance(old, list) and old and isinstance(old[0], list):
        return sorted(pk for pk, _label in old)
    if isinstance(old, list) and len(old) == 2 and not isinstance(old[0], list):
        return old[0]
    return old if isinstance(old, list) else _filled(old)


def _take(field: Any, saved: Any) -> None:
    field.process_data(saved)
    if isinstance(field, KindField):
        field.typed = None


def _raw(field: Any, saved: Any) -> list[str]:
    if isinstance(field, LinksField):
        return [str(row.id) for row in field.seen_of(saved)]
    if isinstance(field, LinkField):
        # Nothing chosen keeps a link that is not shown.
        return ["" if saved is None or not field.seen_of([saved]) else str(saved.id)]
    if isinstance(field, FlagField):
        return ["1" if saved else ""]
    if field.kind.name in ("phone", "province"):
        return [field.kind.show(saved)]
    return [field.kind.write(saved)]
