"""The names that must be unique: user names and e-mails among users, names of roles.

The primary key of ``unique_name`` decides, so that of two transactions at the same moment one is
refused. Names are compared by what they look like (``app.lookalikes``).
"""

from __future__ import annotations

from functools import cache
from typing import Any

from flask_appbuilder.security.sqla.models import Role
from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import delete, inspect, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n.languages import LANGUAGES
from app.lookalikes import lookalike_keys
from app.security.roles import is_seeded, role_label, seeded_role_names
from app.staff.models import StaffUser, UniqueName

# The fields of a model that must be unique, and the kind they share.
UNIQUE_FIELDS: dict[type, tuple[str, tuple[str, ...]]] = {
    StaffUser: ("login", ("username", "email")),
    Role: ("role", ("name",)),
}
_OWNER = {StaffUser: UniqueName.user_id, Role: UniqueName.role_id}


def claim_names(session: Session, rows: list[Any]) -> None:
    """Replace the keys of rows about to be written; DomainError if another row has one of them.

    New rows have no id yet: ``link_names`` adds it.
    """
    for row in rows:
        if row.id is not None:
            owner = _OWNER[type(row)]
            session.execute(
                delete(UniqueName).where(owner == row.id),
                execution_options={"synchronize_session": False},
            )
    for row in rows:
        _claim(session, row)


def _claim(session: Session, row: Any) -> None:
    kind, fields = UNIQUE_FIELDS[type(row)]
    is_postgres = session.get_bind().dialect.name == "postgresql"
    insert: Any = postgresql.insert if is_postgres else sqlite.insert
    claimed: set[str] = set()
    for field in fields:
        is_changed = _is_changed(row, field)
        if is_changed:
            _refuse_reserved(row, field)
        for key in sorted(lookalike_keys(getattr(row, field) or "") - claimed):
            # It waits for a transaction that has just written the same key.
            values = {"kind": kind, "key": key, _OWNER[type(row)].key: row.id}
            statement = insert(UniqueName).values(values).on_conflict_do_nothing()
            if session.scalar(statement.returning(UniqueName.key)) is not None:
                claimed.add(key)
            elif is_changed:
                # A name that is older than the rule stays until it is changed.
                raise _in_use(session, kind, key, getattr(row, field), field)


def link_names(session: Session, row: Any) -> None:
    """Write the id of a new row to the keys that were claimed for it."""
    kind, fields = UNIQUE_FIELDS[type(row)]
    keys = {key for field in fields for key in lookalike_keys(getattr(row, field) or "")}
    session.execute(
        update(UniqueName)
        .where(
            UniqueName.kind == kind,
            UniqueName.key.in_(keys),
            UniqueName.user_id.is_(None),
            UniqueName.role_id.is_(None),
        )
        .values({_OWNER[type(row)].key: row.id})
        .execution_options(synchronize_session=False)
    )


def has_changed_names(row: Any) -> bool:
    """Return True if a flush writes one of the row's unique names."""
    _kind, fields = UNIQUE_FIELDS[type(row)]
    return any(_is_changed(row, field) for field in fields)


def _is_changed(row: Any, field: str) -> bool:
    return inspect(row).attrs[field].history.has_changes()


def _in_use(session: Session, kind: str, key: str, value: str, field: str) -> DomainError:
    """Return the error that a name is in use, and say if it is by a user in the trash."""
    query = (
        select(StaffUser.trashed_at)
        .join(UniqueName, UniqueName.user_id == StaffUser.id)
        .where(UniqueName.kind == kind, UniqueName.key == key)
        .execution_options(with_trash=True)
    )
    with session.no_autoflush:
        is_trashed = session.scalar(query) is not None
    sentence = (
        _("“%(value)s” belongs to a user in the trash. Restore that user.", value=value)
        if is_trashed
        else _("“%(value)s” is already in use.", value=value)
    )
    return DomainError(sentence, field=field)


def _refuse_reserved(row: Any, field: str) -> None:
    """Raise DomainError for a role that would be shown as a seeded one is, in any language."""
    is_own = isinstance(row, Role) and not is_seeded(row.name)
    if is_own and lookalike_keys(row.name or "") & _reserved_role_keys():
        raise DomainError(_("This is the name of a built-in role."), field=field)


@cache
def _reserved_role_keys() -> frozenset[str]:
    names: set[str] = set()
    for language in LANGUAGES:
        with force_locale(language):
            names |= {role_label(name) for name in seeded_role_names()}
    return frozenset(
        key for name in names | set(seeded_role_names()) for key in lookalike_keys(name)
    )
