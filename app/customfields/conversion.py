"""Convert a custom field to another kind, with a preview, and take it back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import String, Table, cast, func, select, update
from sqlalchemy.orm import Session

from app import organisation
from app.bulk import is_one_of, update_rows
from app.customfields.kinds import COLUMN_PREFIX, KINDS
from app.customfields.models import CustomConversion, CustomField, CustomOption
from app.customfields.services import enqueue_indexing, free_slot, may_be_indexed
from app.customfields.slots import field_type_of
from app.errors import DomainError
from app.fieldtypes import Hints
from app.i18n.localized import localize
from app.importexport.formula_escape import escape_formula
from app.jobs.services import cancel, enqueue
from app.log.models import LogEntry
from app.security.actor import Actor
from app.security.scope import visible
from app.subjects import model_named
from app.types import now

# For so long a conversion can be undone.
UNDO_FOR = timedelta(days=30)
# A text with more different values becomes no choice.
MAX_OPTIONS = 200
# What a field may be used as depends on its kind.
_USES = ("is_sortable", "identifies", "validity_months", "warn_days")
# Other processes may save a value of the old kind for so long after a conversion.
SWEEP_SECONDS = 60.0


def start_conversion(
    session: Session, field: CustomField, kind: str, actor: Actor
) -> CustomConversion:
    """Let a job fill a slot of another kind; raise DomainError if that cannot be."""
    if kind not in KINDS or kind == field.kind:
        raise DomainError(_("Choose another kind."), field="kind")
    if KINDS[kind].is_file or KINDS[field.kind].is_file:
        raise DomainError(
            _("Files can’t be converted, nor can anything become a file."), field="kind"
        )
    if open_conversion(session, field) is not None:
        raise DomainError(_("This field is being converted already."))
    conversion = CustomConversion(
        field_id=field.id,
        from_kind=field.kind,
        from_slot=field.slot or "",
        to_kind=kind,
        to_slot=free_slot(session, field.subject, kind),
        log_id=_last_log_id(session),
    )
    session.add(conversion)
    session.flush()
    title = localize(
        lambda: _(
            "Convert “%(field)s” to %(kind)s",
            field=field.label,
            kind=str(KINDS[kind].label).lower(),
        )
    )
    job = enqueue(
        session, "custom-field-convert", {"conversion_id": conversion.id}, actor, title=title
    )
    conversion.job_id = job.id
    return conversion


def open_conversion(session: Session, field: CustomField) -> CustomConversion | None:
    """Return the conversion of a field that is under way or can be undone, or None."""
    query = select(CustomConversion).where(
        CustomConversion.field_id == field.id,
        CustomConversion.state.in_(("filling", "filled", "converted")),
    )
    return session.scalar(query.order_by(CustomConversion.id.desc()).limit(1))


def prepare_options(session: Session, conversion: CustomConversion) -> None:
    """Give a field that becomes a choice the values that it has as options."""
    field = conversion.field
    if not KINDS[conversion.to_kind].has_options or field.options:
        return
    column = _column(field, conversion.from_slot)
    query = select(column).where(column.is_not(None)).distinct().limit(MAX_OPTIONS + 1)
    written = field_type_of(field, conversion.from_kind).write_label
    values = sorted({written(value, None)[:120] for value in session.scalars(query)} - {""})
    if len(values) > MAX_OPTIONS:
        raise DomainError(
            _("The field has more than %(count)s different values.", count=MAX_OPTIONS)
        )
    for place, value in enumerate(values, 1):
        field.options.append(CustomOption(label_en=value, label_es=value, position=place))
    session.flush()


def converter(conversion: CustomConversion, *, back: bool = False) -> Callable[[Any], Any]:
    """Return a function of a value, which returns it as the other kind, or None if it does not fit."""
    kinds = (conversion.from_kind, conversion.to_kind)
    first, second = (field_type_of(conversion.field, kind) for kind in kinds[:: -1 if back else 1])
    hints = Hints(country=organisation.country())
    known: dict[Any, Any] = {}

    def convert(value: Any) -> Any:
        if value not in known:
            try:
                known[value] = second.parse(first.write_label(value, None), hints)
            except DomainError:
                known[value] = None
        return known[value]

    return convert


def fill(session: Session, conversion: CustomConversion, ids: Sequence[int]) -> tuple[int, int]:
    """Convert the values of some rows; return how many fit and how many do not."""
    return _fill(session, conversion, ids, back=False)


def _fill(
    session: Session, conversion: CustomConversion, ids: Sequence[int], *, back: bool
) -> tuple[int, int]:
    if not ids:
        return 0, 0
    field = conversion.field
    table: Table = model_named(field.subject).__table__
    old, new = _column(field, conversion.from_slot), _column(field, conversion.to_slot)
    source, target = (new, old) if back else (old, new)
    query = (
        select(table.c.id, source)
        .where(is_one_of(session.get_bind().dialect, table.c.id, ids))
        .order_by(table.c.id)
        .with_for_update()
    )
    convert = converter(conversion, back=back)
    rows = [
        {"row_id": row_id, target.name: None if value is None else convert(value), "old": value}
        for row_id, value in session.execute(query)
    ]
    fits = sum(row[target.name] is not None for row in rows)
    misfits = sum(row[target.name] is None and row["old"] is not None for row in rows)
    for row in rows:
        del row["old"]
    update_rows(session.connection(), table, rows, by={"id": "row_id"})
    return fits, misfits


def confirm_conversion(session: Session, conversion: CustomConversion, actor: Actor) -> None:
    """Let the field have its new kind and slot from now on."""
    field = _locked(session, conversion, "filled")
    sweep(session, conversion)
    conversion.used_as = {name: getattr(field, name) for name in _USES}
    _switch(session, field, conversion.to_kind, conversion.to_slot, actor)
    conversion.state = "converted"
    conversion.log_id = _last_log_id(session)
    conversion.undo_until = now() + UNDO_FOR
    _sweep_later(session, conversion, actor)


def undo_conversion(session: Session, conversion: CustomConversion, actor: Actor) -> None:
    """Let the field have its old kind and values again; what was changed since is converted back."""
    field = _locked(session, conversion, "converted")
    if conversion.undo_until is None or conversion.undo_until < now():
        raise DomainError(_("It is too late to undo this."))
    sweep(session, conversion, back=True)
    for name, value in (conversion.used_as or {}).items():
        setattr(field, name, value)
    if field.is_sortable and not may_be_indexed(session, field):
        field.is_sortable, field.identifies, field.validity_months = False, False, None
    if not KINDS[conversion.from_kind].has_options:
        field.options.clear()
    _switch(session, field, conversion.from_kind, conversion.from_slot, actor)
    conversion.state = "undone"
    _empty_slot(session, conversion, conversion.to_slot, actor)


def cancel_conversion(session: Session, conversion: CustomConversion, actor: Actor) -> None:
    """Leave the field as it is, and empty the slot that was filled."""
    if conversion.state not in ("filling", "filled"):
        raise DomainError(_("This has been decided already."))
    if conversion.job_id is not None:
        cancel(session, conversion.job_id)
    conversion.state = "cancelled"
    if not KINDS[conversion.from_kind].has_options:
        conversion.field.options.clear()
    _empty_slot(session, conversion, conversion.to_slot, actor)


def sweep(session: Session, conversion: CustomConversion, *, back: bool = False) -> None:
    """Convert the values that have been changed since the slot was filled."""
    field = conversion.field
    query = select(LogEntry.subject_id).where(
        LogEntry.id > conversion.log_id,
        LogEntry.subject_type == field.subject,
        cast(LogEntry.changes, String).contains(f'"{field.name}"'),
    )
    _fill(session, conversion, sorted(set(session.scalars(query))), back=back)


def sweep_late(session: Session, conversion: CustomConversion) -> None:
    """Convert values that were saved as the old kind although the field has the new one.

    A process learns of the conversion with its next request: such a row has an old value that
    changed after the conversion, and no new one.
    """
    field = conversion.field
    table: Table = model_named(field.subject).__table__
    old, new = _column(field, conversion.from_slot), _column(field, conversion.to_slot)
    query = select(LogEntry.subject_id).where(
        LogEntry.id > conversion.log_id,
        LogEntry.subject_type == field.subject,
        cast(LogEntry.changes, String).contains(f'"{field.name}"'),
    )
    late = select(table.c.id).where(table.c.id.in_(query), old.is_not(None), new.is_(None))
    _fill(session, conversion, list(session.scalars(late.order_by(table.c.id))), back=False)


def misfit_lines(
    session: Session, conversion: CustomConversion, actor: Actor
) -> Iterator[list[str]]:
    """Yield a header, then id, name and value of the rows whose value does not fit.

    They are those that the actor may see.
    """
    field = conversion.field
    model = model_named(field.subject)
    old, new = _column(field, conversion.from_slot), _column(field, conversion.to_slot)
    written = field_type_of(field, conversion.from_kind).write_label
    yield ["id", _("Name"), str(field.label)]
    query = visible(model, actor).add_columns(old).where(old.is_not(None), new.is_(None))
    query = query.order_by(model.id)
    for row, value in session.execute(query.execution_options(yield_per=500)):
        yield [str(row.id), escape_formula(str(row)), escape_formula(written(value, None))]


def _locked(session: Session, conversion: CustomConversion, state: str) -> CustomField:
    """Lock the field and return it; raise DomainError if the conversion is not in a state."""
    query = select(CustomField).where(CustomField.id == conversion.field_id).with_for_update()
    field = session.scalars(query.execution_options(populate_existing=True)).one()
    session.refresh(conversion)
    if conversion.state != state:
        raise DomainError(_("This has been decided already."))
    return field


def _switch(session: Session, field: CustomField, kind: str, slot: str, actor: Actor) -> None:
    was_indexed = field.is_indexed
    field.kind, field.slot = kind, slot
    field.is_indexed = False
    field.is_sortable = field.is_sortable and KINDS[kind].is_sortable
    if kind != "date":
        field.validity_months = field.warn_days = None
    field.identifies = field.identifies and kind == "text"
    session.flush()
    # The index of the slot that it leaves is dropped by the same job.
    if was_indexed or field.is_sortable:
        enqueue_indexing(session, field, actor)


def _sweep_later(session: Session, conversion: CustomConversion, actor: Actor) -> None:
    enqueue(
        session, "custom-field-sweep", {"conversion_id": conversion.id}, actor,
        title=localize(lambda: _("Convert “%(field)s”", field=conversion.field.label)),
        delay=SWEEP_SECONDS,
    )  # fmt: skip


def _empty_slot(session: Session, conversion: CustomConversion, slot: str, actor: Actor) -> None:
    enqueue(
        session, "custom-slot-empty", {"conversion_id": conversion.id, "slot": slot}, actor,
        title=localize(lambda: _("Free a column of “%(field)s”", field=conversion.field.label)),
    )  # fmt: skip


def close_old_conversions(session: Session, actor: Actor) -> None:
    """Start a job for each conversion that cannot be undone any more, to empty the old slot."""
    query = select(CustomConversion).where(
        CustomConversion.state == "converted", CustomConversion.undo_until < now()
    )
    for conversion in session.scalars(query):
        conversion.state = "closing"
        _empty_slot(session, conversion, conversion.from_slot, actor)


def empty_rows(
    session: Session, field: CustomField, slot: str, after: int, size: int
) -> list[int]:
    """Empty a slot in the next rows after an id, without a log; return their ids."""
    column = _column(field, slot)
    table = column.table
    query = (
        select(table.c.id)
        .where(table.c.id > after, column.is_not(None))
        .order_by(table.c.id)
        .limit(size)
        .with_for_update()
    )
    ids = list(session.scalars(query))
    if ids:
        chosen = is_one_of(session.get_bind().dialect, table.c.id, ids)
        session.execute(update(table).where(chosen).values({column.name: None}))
    return ids


def _column(field: CustomField, slot: str) -> Any:
    return model_named(field.subject).__table__.c[f"{COLUMN_PREFIX}{slot}"]


def _last_log_id(session: Session) -> int:
    return session.scalar(select(func.max(LogEntry.id))) or 0
