"""Read pairs of possible duplicates, within the actor's scope."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session, aliased

from app.bulk import is_one_of
from app.contacts.models import Contact
from app.contacts.models.contact import contact_sort_name
from app.duplicates.comparing import COMPARED, Facts, compare, compare_names, read_facts
from app.duplicates.models import (
    OPEN,
    SAME_EMAIL,
    SAME_NAME,
    SAME_PHONE,
    DuplicatePair,
    LargeGroup,
)
from app.jobs.models import LIVE_STATES, Job
from app.search.queries import text_condition
from app.security.actor import Actor
from app.security.scope import scope_condition, sees_all, visible

SCAN = "duplicate_scan"
# The groups that are too large to be compared which a page lists, the largest first.
MAX_GROUPS = 20


def select_pairs(actor: Actor, state: str = OPEN, reason: int = 0) -> Select[Any]:
    """Select the pairs of which the actor may see both contacts, neither in the trash."""
    query = select(DuplicatePair).where(DuplicatePair.state == state)
    for column in (DuplicatePair.low_id, DuplicatePair.high_id):
        row = aliased(Contact)
        seen = [row.trashed_at.is_(None)]
        if not sees_all(Contact, actor):
            seen.append(row.id.in_(visible(Contact, actor).with_only_columns(Contact.id)))
        query = query.join(row, and_(row.id == column, *seen))
    return query.where(DuplicatePair.reasons.bitwise_and(reason) != 0) if reason else query


def pairs_after(
    session: Session,
    actor: Actor,
    after: tuple[int, int, int] | None,
    limit: int,
    state: str = OPEN,
    reason: int = 0,
) -> Sequence[DuplicatePair]:
    """Return the pairs after a (score, low id, high id), the likeliest first."""
    query = select_pairs(actor, state, reason)
    if after is not None:
        score, low, high = after
        query = query.where(
            or_(
                DuplicatePair.score < score,
                and_(
                    DuplicatePair.score == score,
                    or_(
                        DuplicatePair.low_id > low,
                        and_(DuplicatePair.low_id == low, DuplicatePair.high_id > high),
                    ),
                ),
            )
        )
    order = (DuplicatePair.score.desc(), DuplicatePair.low_id, DuplicatePair.high_id)
    return session.scalars(query.order_by(*order).limit(limit)).all()


def find_pair(session: Session, actor: Actor, low: int, high: int) -> DuplicatePair | None:
    """Return a pair of which the actor may see both contacts, whatever its state; or None."""
    for state in (OPEN, None):
        query = select_pairs(actor, state or "not_duplicate")
        found = session.scalar(
            query.where(DuplicatePair.low_id == low, DuplicatePair.high_id == high)
        )
        if found is not None:
            return found
    return None


def load_facts(session: Session, ids: Iterable[int]) -> dict[int, Facts]:
    """Return the facts of contacts that are not in the trash, by id, whoever may see them."""
    columns = [Contact.id, *(getattr(Contact, name) for name in COMPARED)]
    is_wanted = is_one_of(session.get_bind().dialect, Contact.id, ids)
    rows = session.execute(select(*columns).where(is_wanted))
    return {row.id: read_facts(row) for row in rows}


def load_contacts(session: Session, actor: Actor, ids: Iterable[int]) -> dict[int, Contact]:
    """Return the contacts that the actor may see, by id."""
    query = visible(Contact, actor).where(Contact.id.in_(sorted(ids)))
    return {row.id: row for row in session.scalars(query).unique()}


def last_scan(session: Session) -> Job | None:
    """Return the newest search for duplicates, whoever has started it."""
    query = select(Job).where(Job.kind == SCAN).order_by(Job.id.desc()).limit(1)
    return session.scalar(query)


def is_scanning(session: Session) -> bool:
    """Return True if a search waits or runs."""
    query = select(Job.id).where(Job.kind == SCAN, Job.state.in_(LIVE_STATES)).limit(1)
    return session.scalar(query) is not None


def large_groups(session: Session, actor: Actor) -> list[tuple[LargeGroup, Contact]]:
    """Return the largest groups that were not compared, each with one of its contacts.

    Only for who sees all contacts: the numbers count every entity's.
    """
    if not sees_all(Contact, actor):
        return []
    query = (
        select(LargeGroup, Contact)
        .join(Contact, Contact.id == LargeGroup.contact_id)
        .where(scope_condition(Contact, actor))
        .order_by(LargeGroup.count.desc(), LargeGroup.id)
        .limit(MAX_GROUPS)
    )
    return [(group, contact) for group, contact in session.execute(query)]


# Contacts that are looked at for each thing typed, and those that are shown.
MAX_CANDIDATES, MAX_ALIKE = 100, 5
# The last digits of a telephone, by which the search finds it whatever its country.
_PHONE_DIGITS = 9


def alike(session: Session, actor: Actor, typed: Any) -> list[tuple[Contact, int]]:
    """Return the contacts the actor sees that may be the one being typed, with the reasons.

    ``typed`` has the compared columns. Each look-up is answered by an index.
    """
    facts = read_facts(typed)
    found: set[int] = set()
    for condition in _lookups(session, typed, facts):
        query = visible(Contact, actor).where(condition).with_only_columns(Contact.id)
        found.update(session.scalars(query.limit(MAX_CANDIDATES)))
    if not found:
        return []
    scored = []
    for row_id, other in load_facts(session, found).items():
        score, reasons = _compare_typed(facts, other)
        if reasons:
            scored.append((-score, row_id, reasons))
    shown = sorted(scored)[:MAX_ALIKE]
    rows = load_contacts(session, actor, [row_id for _score, row_id, _reasons in shown])
    return [(rows[row_id], reasons) for _score, row_id, reasons in shown if row_id in rows]


def _lookups(session: Session, typed: Any, facts: Facts) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if typed.email:
        found.append(Contact.email.in_(sorted({typed.email, typed.email.lower()})))
    for phone in sorted(facts.phones):
        found.append(text_condition(session, Contact, phone[-_PHONE_DIGITS:]))
    if facts.first and facts.last:
        name = contact_sort_name(typed.last_name, typed.first_name)
        found.append(Contact.sort_name == name)
        if typed.birth_date is not None:
            found.append(and_(Contact.birth_date == typed.birth_date, Contact.sort_name != name))
    return found


def _compare_typed(facts: Facts, other: Facts) -> tuple[int, int]:
    """Return (score, reasons): what is typed need not be complete yet."""
    score, reasons = compare(facts, other)
    if score:
        return score, reasons
    shared = SAME_EMAIL if facts.email and facts.email == other.email else 0
    shared |= SAME_PHONE if facts.phones & other.phones else 0
    if not facts.last:
        return (1, shared) if shared else (0, 0)
    has_other_birth_date = None not in (facts.birth_date, other.birth_date)
    if compare_names(facts, other) == SAME_NAME and not has_other_birth_date:
        return 1, SAME_NAME
    return 0, 0
