"""Write pairs of possible duplicates, and tell two contacts apart. The caller commits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.bulk import insert_rows, is_one_of, update_rows
from app.contacts.models import Contact
from app.duplicates.comparing import Facts, compare, facts_digest
from app.duplicates.models import NOT_DUPLICATE, OPEN, DuplicatePair
from app.duplicates.queries import SCAN, is_scanning, load_facts
from app.errors import DomainError
from app.i18n.localized import localize
from app.jobs.models import Job
from app.jobs.services import enqueue
from app.security.actor import Actor
from app.security.scope import visible
from app.types import now

Pair = tuple[int, int]
# Of a pair: its score and its reasons.
Likeness = tuple[int, int]


def start_scan(session: Session, actor: Actor) -> Job:
    """Enqueue a search through all contacts; DomainError while one is running."""
    if is_scanning(session):
        raise DomainError(_("A search is running already."))
    return enqueue(
        session, SCAN, {}, actor, title=localize(lambda: _("Search for duplicate contacts"))
    )


def write_pairs(
    session: Session, found: Mapping[Pair, Likeness], facts: Mapping[int, Facts], scan_id: int
) -> int:
    """Write the pairs that a search found; return how many are open.

    Two contacts that were told apart stay so as long as what was compared is the same.
    """
    if not found:
        return 0
    lows = {low for low, _high in found}
    is_wanted = is_one_of(session.get_bind().dialect, DuplicatePair.low_id, lows)
    columns = (
        DuplicatePair.low_id, DuplicatePair.high_id, DuplicatePair.state, DuplicatePair.facts,
        DuplicatePair.score, DuplicatePair.scan_id,
    )  # fmt: skip
    stored = {
        (row.low_id, row.high_id): row
        for row in session.execute(select(*columns).where(is_wanted))
    }
    added: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    for (low, high), (score, reasons) in sorted(found.items()):
        values: dict[str, Any] = {"score": score, "reasons": reasons, "scan_id": scan_id}
        known = stored.get((low, high))
        if known and known.scan_id == scan_id and known.score >= score:
            # They share several things: the best of what they were found by counts.
            continue
        is_apart = (
            known is not None
            and known.state == NOT_DUPLICATE
            and known.facts == facts_digest(facts[low], facts[high])
        )
        values["state"] = NOT_DUPLICATE if is_apart else OPEN
        if known:
            changed.append({**values, "old_low": low, "old_high": high})
        else:
            added.append({**values, "low_id": low, "high_id": high})
    table, connection = DuplicatePair.__table__, session.connection()
    insert_rows(connection, table, added, {"found_at": now(), "decided_by": ""})
    update_rows(connection, table, changed, {"low_id": "old_low", "high_id": "old_high"})
    return sum(values["state"] == OPEN for values in (*added, *changed))


def tell_apart(session: Session, low: Contact, high: Contact, actor: Actor) -> DuplicatePair:
    """Remember that two contacts are not the same person, as long as what is compared is."""
    pair = session.get(DuplicatePair, (low.id, high.id))
    facts = load_facts(session, [low.id, high.id])
    if pair is None:
        score, reasons = compare(facts[low.id], facts[high.id])
        pair = DuplicatePair(low_id=low.id, high_id=high.id, score=score, reasons=reasons)
        session.add(pair)
    pair.state, pair.facts = NOT_DUPLICATE, facts_digest(facts[low.id], facts[high.id])
    pair.decided_by, pair.decided_at = actor.name[:160], now()
    return pair


def reopen(pair: DuplicatePair) -> None:
    """Take back that two contacts were told apart."""
    pair.state, pair.facts, pair.decided_by, pair.decided_at = OPEN, None, "", None


def visible_pair(session: Session, actor: Actor, low: int, high: int) -> list[Contact]:
    """Return two contacts in the order of their ids; fewer if the actor does not see both."""
    query = visible(Contact, actor).where(Contact.id.in_((low, high))).order_by(Contact.id)
    return list(session.scalars(query).unique())
