"""Rows that hang on rows of other models: documents, notes, messages, and what they are about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from flask_appbuilder import Model
from sqlalchemy import ColumnElement, Index, String, and_, false, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column, object_session

from app.security.actor import Actor
from app.security.scope import not_trashed, scope_condition

# Of the column ``subject_type``, which holds the name of a table.
MAX_TYPE_LENGTH = 48


class Documented:
    """Marker: documents hang on rows of the model."""


class Discussed:
    """Marker: calls, meetings, notes and messages hang on rows of the model."""


class Customizable:
    """Marker: an organisation adds fields of its own to the model."""


def model_named(table: str) -> Any:
    """Return the model whose rows a table holds, or None.

    Of several classes it is the most general one that says who may see its rows.
    """
    found = [mapper for mapper in Model.registry.mappers if mapper.local_table.name == table]
    found.sort(
        key=lambda mapper: (not _has_scope(mapper.class_), len([*mapper.iterate_to_root()]))
    )
    return found[0].class_ if found else None


def marked(marker: type) -> list[Any]:
    """Return the models that inherit a marker, one for each table, in the order of the tables."""
    models = [m.class_ for m in Model.registry.mappers if issubclass(m.class_, marker)]
    return [model_named(table) for table in sorted({model.__tablename__ for model in models})]


def is_about(model: Any, row: Any) -> ColumnElement[bool]:
    """Return the condition that rows with ``subject_type`` and ``subject_id`` are about a row."""
    return and_(model.subject_type == row.__tablename__, model.subject_id == row.id)


class Attached:
    """Mixin of a row that hangs on a row of one of the models with the marker ``attaches_to``.

    Staff see it if they see its subject, and no longer once that is in the trash or deleted. A
    contact and a visitor see none, unless the model's ``portal_scope`` or ``visitor_scope`` asks
    ``subject_scope`` as well.
    """

    attaches_to: ClassVar[Any]
    subject_type: Mapped[str] = mapped_column(String(MAX_TYPE_LENGTH))
    subject_id: Mapped[int]

    @staticmethod
    def subject_index(table: str, *columns: str) -> tuple[Index]:
        """Return the index for ``__table_args__`` that finds what hangs on a row."""
        return (Index(f"ix_{table}_subject", "subject_type", "subject_id", *(columns or ("id",))),)

    @classmethod
    def scope(cls, actor: Actor) -> ColumnElement[bool]:
        """Return the condition on rows whose subject ``actor`` may see."""
        return cls.subject_scope(actor)

    @classmethod
    def subject_scope(cls, actor: Actor) -> ColumnElement[bool]:
        """Return the condition that an actor, of whatever kind, may see the subject of a row."""
        visible = [
            and_(
                cls.subject_type == model.__tablename__,
                select(model.id)
                .where(
                    model.id == cls.subject_id, scope_condition(model, actor), not_trashed(model)
                )
                .exists(),
            )
            for model in marked(cls.attaches_to)
        ]
        return or_(false(), *visible)

    @property
    def subject(self) -> Any:
        """Return the row it hangs on, also if that is in the trash; None if it is deleted."""
        row: Any = self
        session = object_session(row)
        return None if session is None else load_subjects(session, [row]).get(row.id)

    @subject.setter
    def subject(self, row: Any) -> None:
        """Hang it on a row; TypeError if nothing of its kind hangs on that row's model."""
        if not isinstance(row, self.attaches_to):
            raise TypeError(f"{type(self).__name__} does not hang on {type(row).__name__}")
        self.subject_type, self.subject_id = row.__tablename__, row.id


def load_subjects(session: Session, rows: Iterable[Any]) -> dict[int, Any]:
    """Return the subjects of rows, by the ids of these, with one statement for each model.

    Those in the trash are among them: an actor who sees the row may see its subject.
    """
    wanted: dict[str, dict[int, list[int]]] = {}
    for row in rows:
        wanted.setdefault(row.subject_type, {}).setdefault(row.subject_id, []).append(row.id)
    found: dict[int, Any] = {}
    for table, ids in wanted.items():
        if (model := model_named(table)) is not None:
            query = select(model).where(model.id.in_(sorted(ids)))
            for subject in session.scalars(query.execution_options(with_trash=True)).unique():
                found |= dict.fromkeys(ids[subject.id], subject)
    return found


def attached_models(model: Any) -> list[Any]:
    """Return the models of what hangs on rows of a model."""
    mappers = (mapper.class_ for mapper in Model.registry.mappers)
    return [
        one for one in mappers if issubclass(one, Attached) and issubclass(model, one.attaches_to)
    ]


def _has_scope(model: Any) -> bool:
    return hasattr(model, "scope") or getattr(model, "is_open_to_staff", False)
