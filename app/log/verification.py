"""Compare the log with its seals, and report what was edited, removed or inserted."""

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

# At most this many ids of missing entries are listed.
MAX_LISTED_IDS = 10


@dataclass(frozen=True)
class Discrepancy:
    """A difference between the log and its seals."""

    problem: str
    message: str
    chunk: int | None = None
    first_id: int | None = None
    last_id: int | None = None


@dataclass
class VerificationResult:
    """The result of comparing the log with its seals."""

    sealed: int = 0
    unsealed: int = 0
    seals: int = 0
    # Id of the last sealed entry, and when it was written.
    sealed_upto: int | None = None
    sealed_until: datetime | None = None
    # How many of the seals are also in the file outside the database.
    anchored: int = 0
    head: str = ""
    notes: list[str] = field(default_factory=list)
    discrepancies: list[Discrepancy] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Return True if the log matches its seals."""
        return not self.discrepancies

    def to_dict(self) -> dict[str, Any]:
        """Return the result in the form the command prints as JSON."""
        data: dict[str, Any] = {
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
            data["notes"] = self.notes
        if self.discrepancies:
            data["findings"] = [
                {key: value for key, value in vars(discrepancy).items() if value is not None}
                for discrepancy in self.discrepancies
            ]
        return data


def verify(session: Session, folder: str | Path, *, head: str | None = None) -> VerificationResult:
    """Compare the whole log with its seals, in constant memory.

    ``folder`` holds the file of seals. ``head`` is a digest kept elsewhere, which must be one of
    the chain.
    """
    return _Verification(session, folder).run(head)


def verify_last(session: Session, folder: str | Path) -> bool:
    """Return True if the newest seal matches its entries and the file; fast enough for a page."""
    newest = session.scalars(select(LogSeal).order_by(LogSeal.id.desc()).limit(2)).all()
    file_seal = last_file_seal(folder)
    if not newest:
        return file_seal is None
    last, before = newest[0], newest[1] if len(newest) > 1 else None
    rows = DigestBuilder()
    rows.add(rows_between(session, before.last_id if before else None, last.last_id))
    expected = seal_digest(
        last.id, before.digest if before else "", rows.first_id, rows.last_id, rows.count, last.at,
        rows.digest(),
    )  # fmt: skip
    if file_seal is not None and file_seal.number >= last.id:
        return file_seal[:3] == (last.id, last.last_id, last.digest) and expected == last.digest
    return expected == last.digest


class _Verification:
    """One run over all seals, beside the lines of the file of seals."""

    def __init__(self, session: Session, folder: str | Path) -> None:
        self.session = session
        self.result = VerificationResult()
        self.has_file = seal_file_path(folder).exists()
        self.file_seals = self._ascending(read_seals(folder))
        self.next_file_seal: FileSeal | None = next(self.file_seals, None)
        # Possible digests of the previous seal: as stored, and as in the file.
        self.previous: set[str] = {""}
        self.number = 0
        self.after: int | None = None

    def run(self, head: str | None) -> VerificationResult:
        result, has_head = self.result, False
        try:
            for seal in seals_after(self.session, 0):
                if seal.id != self.number + 1:
                    self._report_missing_seals(seal)
                self._compare(seal, self._file_seal(seal.id))
                has_head = has_head or seal.digest == head
        except (TypeError, ValueError):
            # SQLite stores any value in any column.
            self._report(
                "unreadable",
                f"A seal, number {self.number + 1} or later, cannot be read: it was edited. What"
                " follows was not judged.",
            )
            return result
        self._report_cut_off_end()
        newer = select(func.count()).select_from(LogEntry)
        if self.after is not None:
            newer = newer.where(LogEntry.id > self.after)
        result.unsealed = self.session.scalar(newer) or 0
        result.sealed_upto = self.after
        result.sealed_until = self.session.scalar(
            select(LogEntry.at).where(LogEntry.id == (self.after or 0))
        )
        if result.unsealed:
            result.notes.append(
                f"Not sealed yet: {result.unsealed} of the newest entries. Whether those were"
                " changed cannot be subject; “flask --app run log seal” seals them now."
            )
        if head is not None and not has_head:
            self._report("head", "No seal has the digest that was given with --head.")
        if result.seals and not self.has_file:
            result.notes.append(
                "There is no file log.seals in the data folder, so the seals were compared with"
                " nothing outside the database."
            )
        elif (lacking := result.seals - result.anchored) > 0:
            result.notes.append(
                f"The file log.seals lacks {lacking} of the seals; if another host made them,"
                " verify there too."
            )
        return result

    def _report(self, problem: str, message: str, seal: LogSeal | None = None) -> None:
        where = (seal.id, seal.first_id, seal.last_id) if seal else (None, None, None)
        self.result.discrepancies.append(Discrepancy(problem, message, *where))

    # The file outside the database

    def _ascending(self, lines: Iterator[FileSeal | str]) -> Iterator[FileSeal]:
        before = 0
        for number, line in enumerate(lines, 1):
            if isinstance(line, str):
                self._report("anchor", f"Line {number} of log.seals cannot be read.")
            elif line.number <= before:
                self._report("anchor", f"Line {number} of log.seals is out of order.")
            else:
                before = line.number
                yield line

    def _file_seal(self, number: int) -> FileSeal | None:
        """Return the seal with this number from the file; skip seals that only the file has."""
        while self.next_file_seal is not None and self.next_file_seal.number < number:
            self.next_file_seal = next(self.file_seals, None)
        if self.next_file_seal is None or self.next_file_seal.number != number:
            return None
        file_seal, self.next_file_seal = self.next_file_seal, next(self.file_seals, None)
        self.result.anchored += 1
        return file_seal

    def _report_missing_seals(self, seal: LogSeal) -> None:
        first, last = self.number + 1, seal.id - 1
        which = f"Seal {first} is" if first == last else f"Seals {first} to {last} are"
        self._report("seal_removed", f"{which} missing from the chain.")
        before = self._file_seal(last)
        self.previous = {before.digest} if before else set()
        self.after = before.last_id if before else seal.first_id - 1

    def _report_cut_off_end(self) -> None:
        """Report seals at the end that only the file has."""
        while self.next_file_seal is not None:
            first = last = self.next_file_seal
            for file_seal in self.file_seals:
                last = file_seal
            self.next_file_seal = None
            # A seal made during this verification is not missing.
            if self.session.scalar(select(LogSeal.id).where(LogSeal.id == first.number)) is None:
                self._report(
                    "tail_removed",
                    f"Seals {first.number} to {last.number}, noted in log.seals, are gone, and"
                    f" with them what they say of the entries up to {last.last_id}: the end of"
                    " the log was cut off, or an older backup was restored.",
                )

    # A chunk

    def _compare(self, seal: LogSeal, file_seal: FileSeal | None) -> None:
        result = self.result
        result.seals += 1
        result.head = seal.digest
        rows = DigestBuilder()
        after = self.after
        try:
            while chunk := rows_between(self.session, after, seal.last_id):
                rows.add(chunk)
                after = chunk[-1][0]
        except DBAPIError:
            self._report("unreadable", "The database cannot read these entries.", seal)
        result.sealed += rows.count
        expected = {
            seal_digest(
                seal.id, before, seal.first_id, seal.last_id, seal.count, seal.at, rows.digest()
            )
            for before in self.previous
        }
        known = {seal.digest} | ({file_seal.digest} if file_seal else set())
        if not expected & known:
            self._explain(seal, rows)
        elif seal.digest not in expected:
            self._report("seal_edited", "The digest of this seal was edited.", seal)
        elif file_seal is not None and seal.digest != file_seal.digest:
            self._report(
                "rewritten",
                "This seal is not the one that was noted in log.seals: the chain was made anew.",
                seal,
            )
        self.previous = known
        self.number = seal.id
        self.after = max(seal.last_id, after or 0)

    def _explain(self, seal: LogSeal, rows: DigestBuilder) -> None:
        where = f"between the ids {seal.first_id} and {seal.last_id}"
        is_digest_valid = any(
            seal_digest(
                seal.id, before, rows.first_id, rows.last_id, rows.count, seal.at, rows.digest()
            )
            == seal.digest
            for before in self.previous
        )
        if not self.previous:
            self._report(
                "unlinked", f"What was written {where} cannot be judged without that seal.", seal
            )
        elif is_digest_valid:
            self._report("seal_edited", "The bounds of this seal were edited.", seal)
        elif rows.count < seal.count:
            missing_ids = self._missing_ids(seal)
            id_list = f"; ids that are not there: {missing_ids}" if missing_ids else ""
            number = seal.count - rows.count
            subject = "1 entry was" if number == 1 else f"{number} entries were"
            self._report("removed", f"{subject} removed {where}{id_list}.", seal)
        elif rows.count > seal.count:
            number = rows.count - seal.count
            subject = "1 entry was" if number == 1 else f"{number} entries were"
            self._report("inserted", f"{subject} inserted {where}.", seal)
        else:
            self._report(
                "edited",
                f"At least one entry {where} was edited, replaced or moved, or this seal was.",
                seal,
            )

    def _missing_ids(self, seal: LogSeal) -> str:
        """Return ids of the chunk that no entry has; a few may never have been allocated."""
        last, missing = min(seal.last_id, seal.first_id + 100_000), []
        ids = self.session.scalars(
            select(LogEntry.id)
            .where(LogEntry.id >= seal.first_id, LogEntry.id <= last)
            .order_by(LogEntry.id)
        )
        expected = seal.first_id
        for entry_id in (*ids, last + 1):
            while expected < entry_id and len(missing) <= MAX_LISTED_IDS:
                missing.append(expected)
                expected += 1
            expected = entry_id + 1
        return ", ".join(map(str, missing[:MAX_LISTED_IDS])) + (
            "…" if len(missing) > MAX_LISTED_IDS else ""
        )
