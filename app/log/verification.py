"""Compare the log with its seals, and report what was edited, removed or inserted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.log.digests import FORMAT, DigestBuilder, seal_digest
from app.log.erasing import request_sizes
from app.log.models import LogEntry, LogSeal
from app.log.seal_file import FileSeal, last_file_seal, read_seals, seal_file_path
from app.log.sealing import rows_between, seals_after

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
    # How many entries were emptied by request.
    emptied: int = 0
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
            "emptied": self.emptied,
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
    after = before.last_id if before and before.format == last.format else None
    rows = DigestBuilder(last.format)
    rows.add(rows_between(session, after, last.last_id))
    expected = seal_digest(
        last.id, before.digest if before else "", rows.first_id, rows.last_id, rows.count, last.at,
        rows.digest(), last.format,
    )  # fmt: skip
    if expected != last.digest or rows.irregular:
        return False
    if file_seal is not None and file_seal.number >= last.id:
        return file_seal == (last.id, last.last_id, last.digest, last.format)
    return True


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
        self.format = 1
        self.after: int | None = None
        # The last entry that any seal covers, of whatever format.
        self.upto: int | None = None
        self.emptied: Counter[int] = Counter()
        # Old seals that cover emptied entries, and the last of those entries.
        self.superseded = 0
        self.last_superseded = 0

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
        self._judge_emptied()
        newer = select(func.count()).select_from(LogEntry)
        if self.upto is not None:
            newer = newer.where(LogEntry.id > self.upto)
        result.unsealed = self.session.scalar(newer) or 0
        result.sealed_upto = self.upto
        result.sealed_until = self.session.scalar(
            select(LogEntry.at).where(LogEntry.id == (self.upto or 0))
        )
        if result.unsealed:
            result.notes.append(
                f"Not sealed yet: {result.unsealed} of the newest entries. Whether those were"
                " changed cannot be said; “flask --app run log seal” seals them now."
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
        self.format = before.format if before else seal.format

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
        if seal.format != self.format:
            # The first seal of a new format begins with the first entry.
            self.format, self.after = seal.format, None
        rows = DigestBuilder(seal.format)
        after = self.after
        try:
            while chunk := rows_between(self.session, after, seal.last_id):
                rows.add(chunk)
                after = chunk[-1][0]
                result.sealed += sum(row[0] > (self.upto or 0) for row in chunk)
        except DBAPIError:
            self._report("unreadable", "The database cannot read these entries.", seal)
        bounds = (seal.first_id, seal.last_id, seal.count)
        expected = self._expected(seal, rows, bounds)
        known = {seal.digest} | ({file_seal.digest} if file_seal else set())
        if self._is_superseded(rows) and bounds == (rows.first_id, rows.last_id, rows.count):
            self.superseded += 1
            self.last_superseded = max(self.last_superseded, rows.last_emptied or 0)
            expected = {seal.digest}
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
        if seal.format == FORMAT:
            self.emptied += rows.emptied
            self._report_irregular(seal, rows.irregular)
        self.previous = known
        self.number = seal.id
        self.after = max(seal.last_id, after or 0)
        self.upto = max(self.after, self.upto or 0)

    def _is_superseded(self, rows: DigestBuilder) -> bool:
        """Return True if entries were emptied since an old seal: a newer one covers them."""
        return rows.format != FORMAT and rows.last_emptied is not None

    def _expected(
        self, seal: LogSeal, rows: DigestBuilder, bounds: tuple[int | None, int | None, int]
    ) -> set[str]:
        """Return the digests a seal may have, one for each possible digest of the seal before."""
        return {
            seal_digest(seal.id, before, *bounds, seal.at, rows.digest(), seal.format)
            for before in self.previous
        }

    def _explain(self, seal: LogSeal, rows: DigestBuilder) -> None:
        where = f"between the ids {seal.first_id} and {seal.last_id}"
        bounds = (rows.first_id, rows.last_id, rows.count)
        is_digest_valid = seal.digest in self._expected(seal, rows, bounds)
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

    # What was emptied by request

    def _report_irregular(self, seal: LogSeal, ids: list[int]) -> None:
        if ids:
            self._report(
                "emptied_wrongly",
                _(
                    "Entries that no request can have left as they are, with values that their"
                    " digest does not cover or without the values: %(ids)s.",
                    ids=_listed(ids),
                ),
                seal,
            )

    def _judge_emptied(self) -> None:
        """Compare the emptied entries with the requests, which are entries themselves."""
        self.result.emptied = self.emptied.total()
        requests = request_sizes(self.session, self.emptied)
        for request_id, number in sorted(self.emptied.items()):
            noted = requests.get(request_id)
            if noted is None or number > noted:
                self._report(
                    "emptied_without_request",
                    _(
                        "Entries emptied without a request: %(count)s name the entry %(id)s, which"
                        " stands for %(noted)s.",
                        count=number, id=request_id, noted=noted or 0,
                    ),
                )  # fmt: skip
            else:
                self.result.notes.append(
                    ngettext(
                        "%(num)s entry emptied by request %(id)s.",
                        "%(num)s entries emptied by request %(id)s.",
                        number, id=request_id,
                    )
                )  # fmt: skip
        if not self.superseded:
            return
        if self.format == FORMAT and (self.after or 0) >= self.last_superseded:
            self.result.notes.append(
                ngettext(
                    "%(num)s old seal covers values that were emptied since; newer seals cover the"
                    " same entries.",
                    "%(num)s old seals cover values that were emptied since; newer seals cover the"
                    " same entries.",
                    self.superseded,
                )
            )
        else:
            self._report(
                "emptied_without_request",
                _("Entries were emptied before they were sealed anew: nothing covers them."),
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
        return _listed(missing)


def _listed(ids: list[int]) -> str:
    return ", ".join(map(str, ids[:MAX_LISTED_IDS])) + ("…" if len(ids) > MAX_LISTED_IDS else "")
