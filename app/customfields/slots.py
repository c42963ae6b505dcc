"""Stored fields over slots: what a definition in the database becomes in the program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Column, Index, inspect, text
from sqlalchemy.orm import Mapper, column_property

from app.added_fields import FORMER_FIELDS, StoredField
from app.customfields.kinds import COLUMN_PREFIX, KINDS
from app.customfields.models import CustomField
from app.customfields.settings import file_rules
from app.fieldtypes import FieldType, get_field_type
from app.i18n.labels import choose_label
from app.subjects import model_named

# What a list says that is not filtered, or sorted, by a field.
NOT_FILTERED = _l("This field is not set to be in filters.")
NOT_SORTED = _l("This field is not set to be sorted by.")
# Called when fields were registered or withdrawn.
FOLLOWERS: list[Callable[[], None]] = []
_sections: dict[tuple[str, str], Any] = {}


class SlotField(StoredField, abstract=True):
    """A custom field: a slot's column under the name of the field."""

    has_action: ClassVar[bool] = False
    slot_column: ClassVar[Column]
    is_indexed: ClassVar[bool]
    info: ClassVar[dict[str, Any]]

    @classmethod
    def attach(cls) -> None:
        mapper = inspect(cls.model)
        for prop in list(mapper.column_attrs):
            if prop.columns[0] is cls.slot_column or prop.key == cls.name:
                _unmap(mapper, prop)
        cls.slot_column.info.clear()
        cls.slot_column.info.update(cls.info)
        cls.slot_column.table.info.setdefault("attributes", {})[cls.name] = cls.slot_column.name
        mapper.add_property(cls.name, column_property(cls.slot_column, active_history=True))

    @classmethod
    def remove(cls) -> None:
        """Withdraw the field from its model, for good or to register it anew."""
        StoredField._registered.remove(cls)
        mapper = inspect(cls.model)
        if (prop := mapper.column_attrs.get(cls.name)) is not None:
            _unmap(mapper, prop)
        cls.slot_column.info.clear()
        cls.slot_column.table.info.get("attributes", {}).pop(cls.name, None)
        for index in list(cls.slot_column.table.indexes):
            if index.name == index_name(cls.model.__tablename__, cls.slot_column.name):
                cls.slot_column.table.indexes.discard(index)


def _unmap(mapper: Mapper, prop: Any) -> None:
    """Take a column attribute from a model. SQLAlchemy offers to add them only."""
    (column,) = prop.columns
    mapper._props.pop(prop.key)
    mapper._columntoproperty.pop(column, None)
    mapper._cols_by_table[column.table].discard(column)
    mapper.class_manager.pop(prop.key, None)
    # The metaclass of declarative models refuses this.
    type.__delattr__(mapper.class_, prop.key)
    mapper._expire_memoizations()


def register(definition: CustomField) -> type[SlotField]:
    """Make a field of a definition; defining the class registers it."""
    model = model_named(definition.subject)
    column = model.__table__.c[f"{COLUMN_PREFIX}{definition.slot}"]
    label = _bilingual(definition.label_en, definition.label_es)
    section = (definition.section_en or "", definition.section_es or "")
    body: dict[str, Any] = {
        "__module__": __name__,
        "__doc__": f"Custom field {definition.id}.",
        "name": definition.name,
        "model": model,
        "label": label,
        "help": _bilingual(definition.help_en, definition.help_es)
        if definition.help_en or definition.help_es
        else "",
        "section": _sections.setdefault(section, _bilingual(*section)) if any(section) else "",
        "synonyms": tuple(filter(None, (definition.label_en, definition.label_es))),
        "why_not_filtered": "" if definition.in_filters else NOT_FILTERED,
        "why_not_sorted": "" if definition.is_sortable else NOT_SORTED,
        "slot_column": column,
        "is_indexed": definition.is_indexed,
        "identifies": definition.identifies and definition.is_indexed,
        "info": _info(definition) | {"label": label},
    }
    FORMER_FIELDS.pop((definition.subject, definition.name), None)
    field = type(f"CustomField{definition.id}", (SlotField,), body)
    if definition.is_indexed:
        custom_index(column)
    return field


def remember(definition: CustomField) -> None:
    """Let the log show the values of a field that was removed."""
    field_type = field_type_of(definition, definition.kind)
    labels = (definition.label_en, definition.label_es)
    label = LazyString(lambda: _("%(field)s (removed)", field=choose_label(*labels)))
    FORMER_FIELDS[definition.subject, definition.name] = (
        label,
        lambda value: field_type.show(field_type.from_json(value)),
    )


def field_type_of(definition: CustomField, kind_name: str) -> FieldType:
    """Return the field type of the values of a definition, if it were of a kind."""
    info = _info(definition, kind_name)
    return get_field_type(Column("value", KINDS[kind_name].make_type(), info=info))


def _info(definition: CustomField, kind_name: str = "") -> dict[str, Any]:
    """Return what the ``info`` of the column says, but the label."""
    kind = KINDS[kind_name or definition.kind]
    info: dict[str, Any] = {"required": definition.is_required}
    if kind.field_type:
        info["kind"] = kind.field_type
    if kind.has_options:
        labels = {
            str(option.id): (option.label_en, option.label_es) for option in definition.options
        }
        info["choices"] = {code: _bilingual(*pair) for code, pair in labels.items()}
        info["hidden"] = {str(o.id) for o in definition.options if not o.is_active}
        info["also"] = {code: tuple(filter(None, pair)) for code, pair in labels.items()}
    if definition.validity_months is not None and kind.name == "date":
        info |= {
            "kind": "expiring",
            "validity_months": definition.validity_months,
            "warn_days": definition.warn_days or 0,
        }
    if kind.is_file:
        info |= {"name": definition.name, "file_rules": file_rules}
    if definition.contact_types:
        info["only_for"] = tuple(one.id for one in definition.contact_types)
    return info


def index_name(table: str, column: str) -> str:
    """Return the name of the index of a slot."""
    return f"ix_{column}_{table}"


def custom_index(column: Column) -> Index:
    """Return the index by which lists are sorted by a slot, of the rows not in the trash."""
    condition = text("trashed_at IS NULL")
    return Index(
        index_name(column.table.name, column.name),
        column,
        column.table.c.id,
        sqlite_where=condition,
        postgresql_where=condition,
    )


def _bilingual(label_en: str | None, label_es: str | None) -> Any:
    return LazyString(choose_label, label_en, label_es)
