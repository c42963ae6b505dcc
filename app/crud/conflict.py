"""Merge a stale form: keep what was typed and show the values saved in the meantime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from app.crud.fields import SwitchField, TypedField
from app.crud.forms import RowForm
from app.crud.modelfields import ModelChoiceField, ModelMultipleChoiceField
from app.fieldtypes import to_json
from app.log.queries import changes_since
from app.log.values import foreign_keys

# An old value that the log no longer has; it equals no other.
_UNKNOWN = object()


@dataclass(frozen=True)
class FieldConflict:
    """A field that both people changed: the saved value and the typed one, as text."""

    field: Any
    saved: str
    typed: str
    # The form values that stand for the saved value; several for a list.
    form_values: list[str]


def merge_stale_form(
    session: Session, form: RowForm, row: Any
) -> tuple[list[FieldConflict], list[str]]:
    """Update a validated, stale form from its row.

    A field that only the other person changed takes the saved value. Return the fields that
    both changed, and the labels of the fields taken over.
    """
    entries = changes_since(session, row, int(form.version.data))
    # What was emptied from the log may have changed any field.
    is_emptied = any(entry.is_emptied for entry in entries)
    keys = {relation: key for key, (relation, _t) in foreign_keys(type(row)).items()}
    conflicts: list[FieldConflict] = []
    taken_over: list[str] = []
    for field in form:
        if not isinstance(
            field, TypedField | ModelChoiceField | ModelMultipleChoiceField | SwitchField
        ):
            continue
        name = keys.get(field.name, field.name)
        touched = [e.changes[name] for e in entries if e.changes and name in e.changes]
        if touched or is_emptied:
            old = _UNKNOWN if is_emptied else touched[0][0]
            merge_field(field, getattr(row, field.name), old, conflicts, taken_over)
    return conflicts, taken_over


def merge_field(
    field: Any, saved: Any, old: Any, conflicts: list[FieldConflict], taken_over: list[str]
) -> None:
    """Merge a field that was ``old``, as the log stores it, when the form was opened.

    Add it to ``conflicts`` or, if only the other person changed it, its label to ``taken_over``.
    """
    if _same(saved, field.data):
        return
    if _comparable_value(field.data) == _comparable_log_value(old):
        _take_over(field, saved)
        taken_over.append(str(field.label.text))
    else:
        conflicts.append(
            FieldConflict(
                field,
                format_value(field, saved) or _("None"),
                _typed(field),
                _form_values(field, saved),
            )
        )


def format_value(field: Any, value: Any) -> str:
    """Format a field's value for display."""
    if isinstance(field, ModelMultipleChoiceField):
        return ", ".join(str(row) for row in field.visible_rows(value))
    if isinstance(field, ModelChoiceField):
        if value is not None and not field.visible_rows([value]):
            return _("Hidden (no access)")
        return str(value or "")
    if isinstance(field, SwitchField):
        return _("Yes") if value else _("No")
    return field.field_type.show(value)


def _typed(field: Any) -> str:
    """Format what was typed; unchanged if it cannot be parsed."""
    if isinstance(field, TypedField) and field.errors:
        return str(field.typed or "")
    return format_value(field, field.data)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, list):
        return {row.id for row in one} == {row.id for row in other}
    return _empty_to_none(one) == _empty_to_none(other)


def _empty_to_none(value: Any) -> Any:
    """Return None for an empty string or False; 0 is a value."""
    return None if value == "" or value is False else value


def _comparable_value(value: Any) -> Any:
    if isinstance(value, list):
        return sorted(row.id for row in value)
    if hasattr(value, "id"):
        return value.id
    return _empty_to_none(to_json(value))


def _comparable_log_value(old: Any) -> Any:
    """Return a logged value in the form that ``_comparable_value`` returns."""
    if isinstance(old, list) and old and isinstance(old[0], list):
        return sorted(pk for pk, _label in old)
    if isinstance(old, list) and len(old) == 2 and not isinstance(old[0], list):
        return old[0]
    return old if isinstance(old, list) else _empty_to_none(old)


def _take_over(field: Any, saved: Any) -> None:
    field.process_data(saved)
    if isinstance(field, TypedField):
        field.typed = None


def _form_values(field: Any, saved: Any) -> list[str]:
    if isinstance(field, ModelMultipleChoiceField):
        return [str(row.id) for row in field.visible_rows(saved)]
    if isinstance(field, ModelChoiceField):
        # The empty value keeps a link to a row out of scope.
        return ["" if saved is None or not field.visible_rows([saved]) else str(saved.id)]
    if isinstance(field, SwitchField):
        return ["1" if saved else ""]
    return [field.field_type.edit(saved)]
