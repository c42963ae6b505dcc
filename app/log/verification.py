"""Compare the log with its seals, and say what was edited, removed or put in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.log.models import LogEntry, LogSeal
from app.log.seal_file import FileSeal, last_file_seal, read_seals, seal_file_path
from app.log.sealing import DigestBuilder, rows_between, seal_digest, seals_after

# Ids named at most where entries are missing.
NAMED = 10


@dataclass(frozen=True)
class Discrepancy:
    """Something that is not as it was sealed."""

    problem: str
    message: str
    chunk: int | None = None
    first_id: int | None = None
    last_id: int | None = None


@dataclass
class Verdict:
    """What a comparison found."""

    sealed: int = 0
    unsealed: int = 0
    seals: int = 0
    # The last entry that is sealed, and when it was written.
    sealed_upto: int | None = None
    sealed_until: datetime | None = None
    # How many of the seals the file outside the database knows too.
    anchored: int = 0
    head: str = ""
    notes: list[str] = field(default_factory=list)
    findings: list[Discrepancy] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Say whether everything is as it was sealed."""
        return not self.findings

    def as_dict(self) -> dict[str, Any]:
        """Return it as the command prints it."""
        told: dict[str, Any] = {
            "ok": self.is_sound,
            "entries": self.sealed + self.unsealed,
            "sealed": self.sealed,
            "sealed_upto": self.sealed_upto,
            "sealed_until": self.sealed_until and self.sealed_until.isoformat(),
            "unsealed": self.unsealed,
            "seals": self.seals,
            "anchored": self.anchored,
            "head": self.head,
        }
        if self.notes:
            told["notes"] = self.notes
        if self.findings:
            told["findings"] = [
                {key: value for key, value in vars(finding).items() if value is not None}
                for finding in self.findings
            ]
        return told


def verify(session: Session, folder: str | Path, *, head: str | None = None) -> Verdict:
    """Read the whole log, in constant memory, and compare it with its seals.

    ``folder`` holds the file the seals are noted in. ``head`` is a digest noted elsewhere, which
    must be one of the chain's.
    """
    return _Comparison(session, folder).run(head)


def verify_last(session: Session, folder: str | Path) -> bool:
    """Say whether the newest seal holds, and is the newest that was noted; quick enough for a page."""
    newest = session.scalars(select(LogSeal).order_by(LogSeal.id.desc()).limit(2)).all()
    noted = last_file_seal(folder)
    if not newest:
        return noted is None
    last, before = newest[0], newest[1] if len(newest) > 1 else None
    rows = DigestBuilder()
    rows.add(rows_between(session, before.last_id if before else None, last.last_id))
    expected = seal_digest(
        last.id, before.digest if before else "", rows.first_id, rows.last_id, rows.count, last.at,
        rows.digest(),
    )  # fmt: skip
    if noted is not None and noted.number >= last.id:
        return noted[:3] == (last.id, last.last_id, last.digest) and expected == last.digest
    return expected == last.digest


class _Comparison:
    def __init__(self, session: Session, folder: str | Path) -> None:
        self.session = session
        self.verdict = Verdict()
        self.has_file = seal_file_path(folder).exists()
        self.noted = self._ascending(read_seals(folder))
        self.ahead: FileSeal | None = next(self.noted, None)
        # The digests the seal before may have had: what it says, and what the file says.
        self.previous: set[str] = {""}
        self.number = 0
        self.after: int | None = None

    def run(self, head: str | None) -> Verdict:
        verdict, has_head = self.verdict, False
        try:
            for seal in seals_after(self.session, 0):
                if seal.id != self.number + 1:
                    self._tell_of_lost_seals(seal)
                self._compare(seal, self._noted_of(seal.id))
                has_head = has_head or seal.digest == head
        except (TypeError, ValueError):
            # SQLite keeps any value in any column.
            self._find(
                "unreadable",
                f"A seal, number {self.number + 1} or later, cannot be read: it was edited. What"
                " follows was not judged.",
            )
            return verdict
        self._look_beyond_the_last()
        newer = select(func.count()).select_from(LogEntry)
        if self.after is not None:
            newer = newer.where(LogEntry.id > self.after)
        verdict.unsealed = self.session.scalar(newer) or 0
        verdict.sealed_upto = self.after
        verdict.sealed_until = self.session.scalar(
            select(LogEntry.at).where(LogEntry.id == (self.after or 0))
        )
        if verdict.unsealed:
            verdict.notes.append(
                f"Not sealed yet: {verdict.unsealed} of the newest entries. Whether those were"
                " changed cannot be told; “flask --app run log seal” seals them now."
            )
        if head is not None and not has_head:
            self._find("head", "No seal has the digest that was given with --head.")
        if verdict.seals and not self.has_file:
            verdict.notes.append(
                "There is no file log.seals in the data folder, so the seals were compared with"
                " nothing outside the database."
            )
        elif (lacking := verdict.seals - verdict.anchored) > 0:
            verdict.notes.append(
                f"The file log.seals lacks {lacking} of the seals; if another host made them,"
                " verify there too."
            )
        return verdict

    def _find(self, problem: str, message: str, seal: LogSeal | None = None) -> None:
        where = (seal.id, seal.first_id, seal.last_id) if seal else (None, None, None)
        self.verdict.findings.append(Discrepancy(problem, message, *where))

    # The file outside the database

    def _ascending(self, lines: Iterator[FileSeal | str]) -> Iterator[FileSeal]:
        before = 0
        for number, line in enumerate(lines, 1):
            if isinstance(line, str):
                self._find("anchor", f"Line {number} of log.seals cannot be read.")
            elif line.number <= before:
                self._find("anchor", f"Line {number} of log.seals is out of order.")
            else:
                before = line.number
                yield line

    def _noted_of(self, number: int) -> FileSeal | None:
        """Return what the file says of a seal; seals it alone knows are passed over."""
        while self.ahead is not None and self.ahead.number < number:
            self.ahead = next(self.noted, None)
        if self.ahead is None or self.ahead.number != number:
            return None
        noted, self.ahead = self.ahead, next(self.noted, None)
        self.verdict.anchored += 1
        return noted

    def _tell_of_lost_seals(self, seal: LogSeal) -> None:
        first, last = self.number + 1, seal.id - 1
        which = f"Seal {first} is" if first == last else f"Seals {first} to {last} are"
        self._find("seal_removed", f"{which} missing from the chain.")
        before = self._noted_of(last)
        self.previous = {before.digest} if before else set()
        self.after = before.last_id if before else seal.first_id - 1

    def _look_beyond_the_last(self) -> None:
        """Tell of seals that only the file knows: the end of the chain was cut off."""
        while self.ahead is not None:
            first = last = self.ahead
            for noted in self.noted:
                last = noted
            self.ahead = None
            # One made while this comparison was running is no loss.
            if self.session.scalar(select(LogSeal.id).where(LogSeal.id == first.number)) is None:
                self._find(
                    "tail_removed",
                    f"Seals {first.number} to {last.number}, noted in log.seals, are gone, and"
                    f" with them what they say of the entries up to {last.last_id}: the end of"
                    " the log was cut off, or an older backup was restored.",
                )

    # A chunk

    def _compare(self, seal: LogSeal, noted: FileSeal | None) -> None:
        verdict = self.verdict
        verdict.seals += 1
        verdict.head = seal.digest
        rows = DigestBuilder()
        after = self.after
        try:
            while chunk := rows_between(self.session, after, seal.last_id):
                rows.add(chunk)
                after = chunk[-1][0]
        except DBAPIError:
            self._find("unreadable", "The database cannot read these entries.", seal)
        verdict.sealed += rows.count
        expected = {
            seal_digest(
                seal.id, before, seal.first_id, seal.last_id, seal.count, seal.at, rows.digest()
            )
            for before in self.previous
        }
        known = {seal.digest} | ({noted.digest} if noted else set())
        if not expected & known:
            self._explain(seal, rows)
        elif seal.digest not in expected:
            self._find("seal_edited", "The digest of this seal was edited.", seal)
        elif noted is not None and seal.digest != noted.digest:
            self._find(
                "rewritten",
                "This seal is not the one that was noted in log.seals: the chain was made anew.",
                seal,
            )
        self.previous = known
        self.number = seal.id
        self.after = max(seal.last_id, after or 0)

    def _explain(self, seal: LogSeal, rows: DigestBuilder) -> None:
        where = f"between the ids {seal.first_id} and {seal.last_id}"
        stays = any(
            seal_digest(
                seal.id, before, rows.first_id, rows.last_id, rows.count, seal.at, rows.digest()
            )
            == seal.digest
            for before in self.previous
        )
        if not self.previous:
            self._find(
                "unlinked", f"What was written {where} cannot be judged without that seal.", seal
            )
        elif stays:
            self._find("seal_edited", "The bounds of this seal were edited.", seal)
        elif rows.count < seal.count:
            missing = self._missing(seal)
            named = f"; ids that are not there: {missing}" if missing else ""
            number = seal.count - rows.count
            told = "1 entry was" if number == 1 else f"{number} entries were"
            self._find("removed", f"{told} removed {where}{named}.", seal)
        elif rows.count > seal.count:
            number = rows.count - seal.count
            told = "1 entry was" if number == 1 else f"{number} entries were"
            self._find("inserted", f"{told} inserted {where}.", seal)
        else:
            self._find(
                "edited",
                f"At least one entry {where} was edited, replaced or moved, or this seal was.",
                seal,
            )

    def _missing(self, seal: LogSeal) -> str:
        """Name ids of the chunk that no entry has; a few may never have been given out."""
        last, found = min(seal.last_id, seal.first_id + 100_000), []
        ids = self.session.scalars(
            select(LogEntry.id)
            .where(LogEntry.id >= seal.first_id, LogEntry.id <= last)
            .order_by(LogEntry.id)
        )
        expected = seal.first_id
        for entry_id in (*ids, last + 1):
            while expected < entry_id and len(found) <= NAMED:
                found.append(expected)
                expected += 1
            expected = entry_id + 1
        return ", ".join(map(str, found[:NAMED])) + ("…" if len(found) > NAMED else "")
