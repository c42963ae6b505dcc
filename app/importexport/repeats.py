"""Reject rows of a file that are about the same item as an accepted row before them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from flask_babel import gettext as _

from app.importexport.diffing import ChunkDiff, value_in_use
from app.importexport.first_rows import FirstRows
from app.importexport.lookups import UnknownName
from app.importexport.matchrules import MatchRule
from app.importexport.report import ACCEPTED
from app.importexport.rows import ImportRow

_MASK = 2**63 - 1
_ID_FACTOR = 0x5851F42D4C957F2D
# Makes another key of one that a row has beside a stronger one.
_WITH_STRONGER = 0x14057B7EF767814F
# Makes the key of a row that says so little that it agrees with many.
_UNCLEAR = 0x2545F4914F6CDD1D


@dataclass(slots=True)
class _Keys:
    """The keys of one row, as hashes that are the same in every process."""

    # What later rows must not have.
    taken: list[int] = field(default_factory=list)
    # (key that no earlier row may have, field name, sentence without the row).
    checked: list[tuple[int, str, str]] = field(default_factory=list)
    # (key, field name): an earlier row that has the key may be meant instead of the stored row.
    ambiguous: list[tuple[int, str]] = field(default_factory=list)
    # (key, field name) of an earlier row that says so little that it may be about the same.
    unclear: list[tuple[int, str]] = field(default_factory=list)
    # (name of a field, text, keys of the names, of those given twice and of those that are gone).
    named: list[tuple[str, str, tuple[int, int, int]]] = field(default_factory=list)


def reject_repeated(diff: ChunkDiff, first_rows: FirstRows) -> list[tuple[int, int]]:
    """Reject repeated rows of a checked chunk, one by one: a rejected row takes no key.

    Return (key, row number) of the accepted rows, for ``FirstRows.add``.
    """
    rows = [row for row in diff.rows if row.outcome in ACCEPTED]
    maker = _KeyMaker(diff)
    keys = [maker.keys(row) for row in rows]
    asked = {key for one in keys for key, _name, _why in one.checked}
    asked |= {key for one in keys for key, _name in (*one.ambiguous, *one.unclear)}
    asked |= {key for one in keys for _name, _text, names in one.named for key in names}
    asked |= {key for one in keys for key in one.taken}
    known = first_rows.find(asked)
    added: list[tuple[int, int]] = []
    for row, own in zip(rows, keys, strict=True):
        number = row.source.number
        _check_keys(row, own, known)
        if row.outcome in ACCEPTED:
            _check_names(diff, row, own, known)
        if row.outcome in ACCEPTED:
            taken = [*own.taken, *_taken_names(maker.own_lookups, row, known)]
            added += [(key, number) for key in taken]
            for key in taken:
                known.setdefault(key, number)
    return added


def _check_keys(row: ImportRow, own: _Keys, known: dict[int, int]) -> None:
    """Reject a row that has a key of an accepted row before it."""
    number = row.source.number
    for key, name, why in own.checked:
        if known.get(key, number) != number:
            row.reject("invalid", name, why or _("Duplicate of row %(row)d.", row=known[key]))
            return
    for key, name in own.ambiguous:
        if known.get(key, number) != number:
            reason = _("It matches an existing item, but also row %(row)d.", row=known[key])
            row.reject("conflict", name, reason)
            return
    for key, name in own.unclear:
        if row.outcome == "new" and known.get(key, number) != number:
            reason = _("Row %(row)d may be about the same item.", row=known[key])
            row.reject("conflict", name, reason)
            return


def _check_names(diff: ChunkDiff, row: ImportRow, own: _Keys, known: dict[int, int]) -> None:
    """Reject a row that names a row of the same model which neither is nor will be there."""
    for name, text, (first, second, gone) in own.named:
        lookup = diff.plan.lookups[name]
        if name in row.unknown:
            if second in known:
                reason = _("“%(value)s” matches %(count)d values. Be more specific.",
                           value=text[:80], count=2)  # fmt: skip
                row.reject("invalid", name, reason)
            elif first not in known:
                row.reject("invalid", name, UnknownName(lookup.not_found_message(text)))
        elif gone in known:
            row.reject("invalid", name, UnknownName(lookup.not_found_message(text)))


class _KeyMaker:
    """Make the keys of the rows of a chunk."""

    def __init__(self, diff: ChunkDiff) -> None:
        self.diff = diff
        self.rules = diff.plan.rules
        self.first_fields = {rule.name: rule.required_fields[0] for rule in self.rules}
        self.unique_fields = diff.unique_fields()
        self.own_lookups = list(_own_lookups(diff))

    def keys(self, row: ImportRow) -> _Keys:
        """Return the keys of a row."""
        keys, importer = _Keys(), self.diff.importer
        if row.row_id:
            # An odd number: no two ids become the same.
            key = (row.row_id * _ID_FACTOR) & _MASK
            keys.taken.append(key)
            keys.checked.append((key, self.first_fields.get(row.rule, ""), ""))
        values = self.diff.match_values(row)
        has_stronger = False
        for rule in self.rules:
            taken, checked = importer.file_keys(rule, values)
            if not taken:
                continue
            hashes = {key: _hash(rule.name, key) for key in {*taken, *checked}}
            mark = _WITH_STRONGER if has_stronger else 0
            keys.taken += [hashes[key] ^ mark for key in taken]
            self._check(keys, rule, row, [hashes[key] for key in checked], has_stronger)
            wide_key, says_little = importer.wide_key(rule, values)
            if wide_key is not None:
                is_unclear = says_little and rule.name == row.rule and not row.is_exact
                key = _hash(f"{rule.name} alone", wide_key)
                self._add_wide_key(keys, rule, key, is_unclear=is_unclear)
            has_stronger = True
        for unique in self.unique_fields:
            if value := row.values.get(unique.key):
                key = _hash("unique", (unique.name, value))
                keys.taken.append(key)
                keys.checked.append((key, unique.name, value_in_use(value)))
        for name, lookup in self.own_lookups:
            if text := row.texts.get(name):
                keys.named.append((name, text, _name_hashes(lookup.key(text))))
        return keys

    def _add_wide_key(self, keys: _Keys, rule: MatchRule, key: int, *, is_unclear: bool) -> None:
        """Let a row that says little, and others that it agrees with, not both be accepted."""
        keys.taken.append(key)
        name = self.first_fields[rule.name]
        if is_unclear:
            keys.taken.append(key ^ _UNCLEAR)
            keys.ambiguous.append((key, name))
        else:
            keys.unclear.append((key ^ _UNCLEAR, name))

    def _check(
        self, keys: _Keys, rule: MatchRule, row: ImportRow, hashes: list[int], has_stronger: bool
    ) -> None:
        """Add what no earlier row may have of a rule's keys.

        What one that is also known by a stronger key has in common with another one may be
        chance: two members of one name.
        """
        name, is_own = self.first_fields[rule.name], rule.name == row.rule
        for key in hashes:
            if not is_own:
                keys.checked.append((key, name, ""))
            if has_stronger:
                continue
            if is_own:
                keys.ambiguous.append((key ^ _WITH_STRONGER, name))
            else:
                keys.checked.append((key ^ _WITH_STRONGER, name, ""))


def _own_lookups(diff: ChunkDiff) -> Iterator[tuple[str, Any]]:
    """Yield the lookups of fields that name another row of the imported model."""
    for name, lookup in diff.plan.lookups.items():
        if lookup.model is diff.model:
            yield name, lookup


def _taken_names(
    own_lookups: list[tuple[str, Any]], row: ImportRow, known: dict[int, int]
) -> Iterator[int]:
    """Yield the keys of the name that later rows can use for a row, and of one that is gone."""
    for _name, lookup in own_lookups:
        if row.outcome == "new":
            for key in lookup.own_keys(row.values):
                first, second, _gone = _name_hashes(key)
                yield second if first in known else first
            continue
        before = {name: old for name, (old, _new) in row.changes.items()}
        for key in lookup.own_keys(before):
            yield _name_hashes(key)[2]


def _name_hashes(key: str) -> tuple[int, int, int]:
    return _hash("named", key), _hash("named twice", key), _hash("renamed", key)


@lru_cache(maxsize=64)
def _hasher(kind: str) -> Any:
    return blake2b(f"{kind}\x1f".encode(), digest_size=8)


def _hash(kind: str, key: Any) -> int:
    """Return 63 bits that are the same in every process, other than those of ``hash``."""
    text = "\x1f".join(map(str, key)) if isinstance(key, tuple) else str(key)
    # A copy takes half the time of a new one.
    hasher = _hasher(kind).copy()
    hasher.update(text.encode("utf-8", "surrogatepass"))
    return int.from_bytes(hasher.digest(), "big") >> 1
