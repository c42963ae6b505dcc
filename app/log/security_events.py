"""Queries of security events (logins, rights, exports) for the security page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, literal_column, or_, select, union_all
from sqlalchemy.orm import Session

from app.log.models import SECURITY_SUBJECT, LogEntry
from app.security.actor import ActorKind
from app.types import now

# A literal, because SQLite uses a partial index only if the query repeats its condition.
IS_SECURITY_EVENT = LogEntry.subject_type == literal_column(f"'{SECURITY_SUBJECT}'")
FAILED_LOGIN_EVENTS = ("sign_in_failed", "sign_in_throttled")
LOGIN_EVENTS = (
    "signed_in", "signed_out", "sessions_ended", "password_changed", "password_link_asked",
    "password_link_sent", "second_factor_on", "second_factor_off", "recovery_code_used",
    "recovery_codes_made",
)  # fmt: skip
RIGHTS_EVENTS = ("rights_changed", "role_changed", "api_key_made", "api_key_revoked")
EXPORT_EVENTS = ("exported",)
REFUSAL_EVENTS = ("out_of_reach",)
# Failed logins examined to count accounts and addresses.
MAX_FAILED_LOGINS = 10_000


def security_events_page(
    session: Session,
    events: Sequence[str],
    people: Select | None,
    *,
    before: int | None = None,
    limit: int = 50,
) -> tuple[list[LogEntry], int | None]:
    """Return a page of security events, newest first, and the id to pass as ``before`` for more.

    An empty ``events`` means all events. ``people`` selects the ids of the users whose events
    are included; None means everybody.
    """
    parts = [
        _newest([*_involving(people), LogEntry.event == event], before, limit) for event in events
    ] or [_newest(_involving(people), before, limit)]
    ids = union_all(*(select(part.c.id) for part in parts)).subquery()
    query = select(LogEntry).where(LogEntry.id.in_(select(ids.c.id)))
    entries = list(session.scalars(query.order_by(LogEntry.id.desc()).limit(limit + 1)))
    has_more = len(entries) > limit
    return entries[:limit], entries[limit - 1].id if has_more else None


def _newest(conditions: list[ColumnElement[bool]], before: int | None, limit: int) -> Any:
    query = select(LogEntry.id).where(IS_SECURITY_EVENT, *conditions)
    if before is not None:
        query = query.where(LogEntry.id < before)
    return query.order_by(LogEntry.id.desc()).limit(limit + 1).subquery()


def _involving(people: Select | None) -> list[ColumnElement[bool]]:
    if people is None:
        return []
    # A contact may have the same id as a user.
    is_user = LogEntry.actor_type.is_distinct_from(ActorKind.CONTACT.value)
    is_actor = and_(LogEntry.actor_id.in_(people), is_user)
    return [or_(is_actor, LogEntry.subject_id.in_(people))]


def count_security_events(session: Session, people: Select | None) -> dict[str, int]:
    """Return the counts of recent security events, in one statement."""
    day, week, month = (_last_id_before(timedelta(days=days)) for days in (1, 7, 30))
    who = _involving(people)
    failed = (
        select(
            LogEntry.subject_name.label("account"),
            LogEntry.changes["address"][1].as_string().label("address"),
        )
        .where(
            IS_SECURITY_EVENT, LogEntry.event.in_(FAILED_LOGIN_EVENTS), LogEntry.id > week, *who
        )
        .limit(MAX_FAILED_LOGINS)
        .subquery()
    )

    def count(events: Sequence[str], since: Any) -> Any:
        conditions = (IS_SECURITY_EVENT, LogEntry.event.in_(events), LogEntry.id > since, *who)
        return select(func.count(LogEntry.id)).where(*conditions).scalar_subquery()

    row = session.execute(
        select(
            count(FAILED_LOGIN_EVENTS, day).label("failed_day"),
            count(FAILED_LOGIN_EVENTS, week).label("failed_week"),
            select(func.count(func.distinct(func.nullif(failed.c.account, ""))))
            .scalar_subquery()
            .label("accounts"),
            select(func.count(func.distinct(failed.c.address)))
            .scalar_subquery()
            .label("addresses"),
            count(RIGHTS_EVENTS, month).label("rights_month"),
            count(EXPORT_EVENTS, month).label("exports_month"),
        )
    ).one()
    return dict(row._mapping)


def _last_id_before(ago: timedelta) -> Any:
    """Return the id of the last security event older than ``ago``; ids ascend with time."""
    query = select(LogEntry.id).where(IS_SECURITY_EVENT, LogEntry.at < now() - ago)
    return func.coalesce(query.order_by(LogEntry.id.desc()).limit(1).scalar_subquery(), 0)
