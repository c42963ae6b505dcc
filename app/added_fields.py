"""Fields that a room adds to the model of a lower room: stored ones and computed ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, ClassVar, TypeVar

from sqlalchemy import Column, ColumnElement
from sqlalchemy.orm import MappedColumn, class_mapper
from sqlalchemy.types import TypeEngine

from app.registry import Plug

Function = TypeVar("Function", bound=Callable[..., Any])

_caches: list[Any] = []
# (table, name) → label and function that shows a logged value, of fields that models no longer have.
FORMER_FIELDS: dict[tuple[str, str], tuple[Any, Callable[[Any], str]]] = {}
# Called before each chunk of a job: fields may have been added or removed since the last.
REFRESHERS: list[Callable[[], None]] = []


def cached_until_fields_change(function: Function) -> Function:
    """Cache the results of a function of models, until a field is added or removed."""
    cached: Any = lru_cache(maxsize=256)(function)
    _caches.append(cached)
    return cached


def forget_fields() -> None:
    """Clear what was cached about the fields of models: some were added or removed."""
    for cached in _caches:
        cached.cache_clear()


def refresh_fields() -> None:
    """Register what fields have been added, and withdraw what fields have been removed."""
    for refresh in REFRESHERS:
        refresh()


class AddedField(Plug):
    """A field added to ``model`` (a plug). Put it in a room's ``added_fields.py``.

    Every screen of the model has it: list, filters, order, form, file, log, duplicate, import,
    export, API. ``name`` is its name in addresses, files and the API, for ever.
    """

    model: ClassVar[Any]
    name: ClassVar[str]
    label: ClassVar[Any]
    # The field of the form and the file that it stands after; without one it is the last of all,
    # or of its section: the title of the part of the form and the file.
    after: ClassVar[str] = ""
    section: ClassVar[Any] = ""
    # What stands below the field in forms.
    help: ClassVar[Any] = ""
    # Whether the list shows it unless its reader chooses other columns.
    in_list: ClassVar[bool] = False
    # Other names that a column of an imported file may have.
    synonyms: ClassVar[tuple[str, ...]] = ()
    # Said where the list cannot be sorted or filtered by it; empty if it can be.
    why_not_sorted: ClassVar[Any] = ""
    why_not_filtered: ClassVar[Any] = ""


Follower = Callable[[type["StoredField"]], None]


class StoredField(AddedField, abstract=True):
    """A column of the model's own table, with a ``column`` such as a ``mapped_column``.

    The migration of the room that adds it makes the column, which must be nullable or have a
    server default: the rooms below write rows without it. It is an attribute of the model.
    """

    column: ClassVar[MappedColumn]
    # Whether imports find rows by it; it then has an index that begins with it.
    identifies: ClassVar[bool] = False
    # Whether a collective action changes it.
    has_action: ClassVar[bool] = True

    _followers: ClassVar[list[Follower]] = []

    def __init_subclass__(cls, *, abstract: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(abstract=abstract, **kwargs)
        if abstract:
            return
        cls.attach()
        forget_fields()
        for follow in cls._followers:
            follow(cls)

    @classmethod
    def attach(cls) -> None:
        """Make the column an attribute of the model."""
        if cls.name in class_mapper(cls.model, configure=False).attrs:
            raise TypeError(f"{cls.model.__name__} has a field {cls.name} already.")
        cls.column.column.info.setdefault("label", cls.label)
        setattr(cls.model, cls.name, cls.column)

    @classmethod
    def follow(cls, function: Follower) -> Follower:
        """Call a function with every stored field, those added later included; a decorator."""
        for field in cls.all():
            function(field)
        cls._followers.append(function)
        return function


class ComputedField(AddedField, abstract=True):
    """A field that is computed by SQL when it is read, and never stored.

    ``type`` is the SQL type of its values and ``info`` what a column's ``info`` would say.
    ``model`` may be a mixin: all models that inherit it have the field.
    """

    type: ClassVar[TypeEngine[Any]]
    info: ClassVar[dict[str, Any]] = {}

    @classmethod
    def expression(cls, row: Any, actor: Any) -> ColumnElement[Any]:
        """Return the value as a scalar SQL expression over the columns of ``row``, the model.

        It may count only what ``actor`` may see.
        """
        raise NotImplementedError

    @classmethod
    def column(cls) -> Column:
        """Return a column, of no table, with the type and the ``info`` of the values."""
        return Column(cls.name, cls.type, info={"label": cls.label, **cls.info})


def stored_fields(model: type) -> list[type[StoredField]]:
    """Return the stored fields that rooms add to a model."""
    return [field for field in StoredField.all() if field.model is model]


def added_fields(model: type) -> dict[str, type[AddedField]]:
    """Return the fields that rooms add to a model, by name."""
    return {**{field.name: field for field in stored_fields(model)}, **computed_fields(model)}


def computed_fields(model: type) -> dict[str, type[ComputedField]]:
    """Return the computed fields that rooms add to a model, by name."""
    return {field.name: field for field in ComputedField.all() if issubclass(model, field.model)}
