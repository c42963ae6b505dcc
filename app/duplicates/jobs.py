"""The search for duplicates among all contacts, as a job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations, groupby
from random import Random
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.bulk import insert_rows, is_one_of
from app.contacts.models import Contact
from app.duplicates.comparing import (
    COMPARED,
    FREQUENT,
    KEY_END,
    KINDS,
    RARE,
    Facts,
    compare,
    digests_of,
    read_facts,
    surname_of,
)
from app.duplicates.models import OPEN, DuplicateKey, DuplicatePair, LargeGroup
from app.duplicates.queries import SCAN, load_facts
from app.duplicates.services import Likeness, Pair, write_pairs
from app.jobs.kinds import JobKind, Step
from app.jobs.models import Job

# A block of more contacts is reported instead of comparing each with each.
MAX_BLOCK = 50
# Keys that are read, and pairs that are compared, in the time in which a contact is read.
KEYS_PER_ROW, PAIRS_PER_ROW = 4, 1
# Where the cursor stands: at the id of a contact, then at a key, then at a number of steps.
_COMPARING, _CLEANING = 1 << 61, 1 << 62
# Surnames are counted among so many contacts; one is frequent from a part of them on.
SAMPLE_SIZE, _FREQUENT_PART, _FREQUENT_FROM, _RARE_TO = 5_000, 1_000, 20, 2
# Of the search that this process works on: the surnames of the sample, and how many there are.
# The runner begins again every few seconds.
_samples: dict[int, tuple[Counter[str], int]] = {}
# Words of a name that is rare if only two have it: a first name and two surnames.
_RARE_WORDS = 3


class DuplicateScan(JobKind):
    """Note what each contact may share with others, bring together those that do, compare these.

    What may be shared is noted as a digest in a table, which is read in its order and emptied on
    the way: any worker may go on with it, memory does not grow, and the time is linear in the
    number of contacts, since a block has a largest size.
    """

    name = SCAN
    label = _l("Search for duplicates")
    template = "duplicates/job.html"
    initial_chunk_sizes = (200, 1_000)

    def begin(self, session: Session, job: Job) -> None:
        if job.total is None:
            job.total = 2 * (session.scalar(select(func.count(Contact.id))) or 0)
        self.scan_id, self.contacts = job.id, job.total // 2
        if job.id not in _samples:
            _samples.clear()
            _samples[job.id] = _sample_surnames(session, self.contacts, job.id)
        self.surnames, self.sampled = _samples[job.id]

    def step(self, session: Session, job: Job, size: int) -> Step:
        if job.cursor < _COMPARING:
            return self._read(session, job.cursor, size)
        if job.cursor < _CLEANING:
            return self._compare(session, job.cursor - _COMPARING, size)
        return self._clean(session, job.cursor, size)

    def _read(self, session: Session, after: int, size: int) -> Step:
        """Note the keys of some contacts."""
        columns = [Contact.id, *(getattr(Contact, name) for name in COMPARED)]
        query = select(*columns).where(Contact.id > after).order_by(Contact.id).limit(size)
        rows = session.execute(query).all()
        keys = [
            {"key": key, "contact_id": row.id}
            for row in rows
            for key in digests_of(read_facts(row))
        ]
        table = DuplicateKey.__table__
        insert_rows(session.connection(), table, keys, {"scan_id": self.scan_id})
        return Step(rows[-1].id, len(rows)) if rows else Step(_COMPARING, 0)

    def _compare(self, session: Session, after: int, size: int) -> Step:
        """Compare the contacts of the next blocks, and forget their keys."""
        limit = max(KEYS_PER_ROW * size, 2 * MAX_BLOCK)
        mine = (DuplicateKey.scan_id == self.scan_id, DuplicateKey.key > after)
        query = select(DuplicateKey.key, DuplicateKey.contact_id).where(*mine)
        rows = session.execute(
            query.order_by(DuplicateKey.key, DuplicateKey.contact_id).limit(limit)
        ).all()
        blocks = [
            (key, [row.contact_id for row in same])
            for key, same in groupby(rows, key=lambda row: row.key)
        ]
        if len(rows) == limit and len(blocks) > 1:
            # There may be more of the last one.
            blocks.pop()
        pairs: dict[Pair, bool] = {}
        last = after
        for key, ids in blocks:
            self._add_block(session, key, ids, len(ids) == limit, pairs)
            last = key
            if len(pairs) >= PAIRS_PER_ROW * size:
                break
        self._write(session, pairs)
        # With both ends: else the deleted keys of all chunks before would be read again.
        session.execute(delete(DuplicateKey).where(*mine, DuplicateKey.key <= last))
        is_end = len(rows) < limit and (not blocks or last == blocks[-1][0])
        position = _CLEANING if is_end else _COMPARING + last
        before, now = (self.contacts * one // KEY_END for one in (after, last))
        return Step(position, (self.contacts if is_end else now) - before)

    def _add_block(
        self, session: Session, key: int, ids: Sequence[int], is_cut: bool, pairs: dict[Pair, bool]
    ) -> None:
        """Add the pairs of a block, or report it; a pair that alone has a name is marked."""
        kind, count = KINDS[key % len(KINDS)], len(ids)
        if is_cut:
            same = (DuplicateKey.scan_id == self.scan_id, DuplicateKey.key == key)
            count = session.scalar(select(func.count()).where(*same)) or 0
        if count > MAX_BLOCK:
            session.add(
                LargeGroup(scan_id=self.scan_id, kind=kind, contact_id=ids[0], count=count)
            )
            return
        for pair in combinations(ids, 2):
            pairs[pair] = pairs.get(pair, False) or (kind == "name" and count == 2)

    def _write(self, session: Session, pairs: Mapping[Pair, bool]) -> None:
        if not pairs:
            return
        facts = load_facts(session, {row_id for pair in pairs for row_id in pair})
        found: dict[Pair, Likeness] = {}
        for (low, high), is_alone in pairs.items():
            if low in facts and high in facts:
                one, other = facts[low], facts[high]
                likeness = compare(one, other, self._weigh(one, other, is_alone))
                if likeness[0]:
                    found[low, high] = likeness
        write_pairs(session, found, facts, self.scan_id)

    def _weigh(self, one: Facts, other: Facts, is_alone: bool) -> int:
        """Return what the frequency of two surnames adds to the score of their bearers."""
        counted = max(self.surnames[surname_of(facts.last)] for facts in (one, other))
        estimate = counted * self.contacts // (self.sampled or 1)
        if estimate > max(_FREQUENT_FROM, self.contacts // _FREQUENT_PART):
            return FREQUENT
        is_whole = len(one.first) + len(one.last) >= _RARE_WORDS
        return RARE if is_alone and is_whole and estimate <= _RARE_TO else 0

    def _clean(self, session: Session, after: int, size: int) -> Step:
        """Delete what earlier searches found and this one did not, and what they left."""
        is_old = (DuplicatePair.state == OPEN, DuplicatePair.scan_id != self.scan_id)
        lows = select(DuplicatePair.low_id).where(*is_old).distinct().limit(size)
        is_left = DuplicateKey.scan_id != self.scan_id
        keys = select(DuplicateKey.key).where(is_left).distinct().limit(size)
        deleted = [
            session.execute(statement).rowcount  # type: ignore[attr-defined]
            for statement in (
                delete(DuplicatePair).where(*is_old, DuplicatePair.low_id.in_(lows)),
                delete(DuplicateKey).where(is_left, DuplicateKey.key.in_(keys)),
            )
        ]
        if any(deleted):
            return Step(after + 1, 0)
        session.execute(delete(LargeGroup).where(LargeGroup.scan_id != self.scan_id))
        return Step(after + 1, 0, is_last=True)

    @classmethod
    def content(cls, session: Session, job: Job) -> dict[str, Any]:
        return {"url": "/duplicates/"}


def _sample_surnames(session: Session, contacts: int, seed: int) -> tuple[Counter[str], int]:
    """Count the surnames of all contacts, or of some thousand; return also of how many."""
    query = select(Contact.last_name)
    if contacts > SAMPLE_SIZE:
        last = session.scalar(select(func.max(Contact.id))) or 1
        # Not every number is that of a contact.
        tried = min(SAMPLE_SIZE * last // contacts, 4 * SAMPLE_SIZE)
        ids = Random(seed).sample(range(1, last + 1), min(tried, last))
        query = query.where(is_one_of(session.get_bind().dialect, Contact.id, ids))
    names = [surname_of(name) for name in session.scalars(query)]
    return Counter(names), len(names)
