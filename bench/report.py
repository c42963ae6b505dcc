"""The rows of the benchmark's table, what each has to reach, and how they are printed."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Row:
    """One kind of work: what it took in the program and in the raw comparison."""

    work: str
    unit: str
    ours: float
    raw: float
    ok: bool
    reach: str
    p95: float | None = None
    growth: float | None = None
    notes: str = ""

    def __str__(self) -> str:
        p95 = "" if self.p95 is None else f"{self.p95:.1f}"
        growth = "" if self.growth is None else f"x{self.growth:.2f}"
        raw = f"{self.raw:,.1f}" if self.raw else ""
        ratio = f"x{self.ours / self.raw:.2f}" if self.raw else ""
        return (
            f"  {self.work:<34}{self.ours:10,.1f}{p95:>9}{raw:>10} {self.unit:<6}"
            f"{ratio:>7} {growth:>7}  {'ok  ' if self.ok else 'MISS'} {self.reach}"
            + (f"; {self.notes}" if self.notes else "")
        )


HEADER = f"  {'':<34}{'Padrón':>10}{'p95':>9}{'raw':>10} {'':<6}{'ratio':>7} {'growth':>7}  reach"


@dataclass(frozen=True)
class Reach:
    """What a figure has to reach, in words and as a test of (ours, raw)."""

    words: str
    test: Callable[[float, float], bool]

    def __or__(self, other: Reach) -> Reach:
        return Reach(
            f"{self.words} or {other.words}", lambda a, b: self.test(a, b) or other.test(a, b)
        )


def at_most(factor: float) -> Reach:
    """Return the reach “at most so many times the raw figure”."""
    return Reach(f"≤ {factor:g} x raw", lambda ours, raw: ours <= factor * raw)


def at_least(factor: float) -> Reach:
    """Return the reach of a speed: “at least this part of the raw one”."""
    return Reach(f"≥ {factor:g} x raw", lambda ours, raw: ours >= factor * raw)


def raw_plus(more: float) -> Reach:
    """Return the reach “at most so much more than the raw figure”."""
    return Reach(f"raw + {more:g}", lambda ours, raw: ours <= raw + more)


def below(limit: float) -> Reach:
    """Return the reach of a figure that is compared with none."""
    return Reach(f"≤ {limit:g}", lambda ours, _raw: ours <= limit)


# Pages may take so many times as long with ten times as many contacts.
MAX_GROWTH = 1.2


@dataclass
class Report:
    """The rows of a run; each is printed as soon as it is known."""

    title: str
    rows: list[Row] = field(default_factory=list)

    def section(self, name: str) -> None:
        """Print the name of the rows that follow."""
        print(name, flush=True)

    def add(
        self,
        work: str,
        unit: str,
        ours: list[float],
        raw: list[float],
        reach: Reach,
        *,
        smaller: list[float] | None = None,
        notes: str = "",
    ) -> None:
        """Add the medians of measurements; ``smaller`` are those with a tenth of the contacts."""
        mine, bare = statistics.median(ours), statistics.median(raw) if raw else 0.0
        p95 = statistics.quantiles(ours, n=20)[-1] if len(ours) > 3 else None
        growth = mine / statistics.median(smaller) if smaller else None
        ok = reach.test(mine, bare) and (growth is None or growth <= MAX_GROWTH)
        row = Row(work, unit, mine, bare, ok, reach.words, p95, growth, notes)
        self.rows.append(row)
        print(row, flush=True)

    def summary(self) -> str:
        """Return how many rows reach their figure."""
        missed = [row.work for row in self.rows if not row.ok]
        words = f"{len(self.rows) - len(missed)} of {len(self.rows)} reached"
        return words + (f"; missed: {', '.join(missed)}" if missed else "")

    def save(self, path: Path) -> None:
        """Write the rows as JSON, so that runs can be compared."""
        data = {"title": self.title, "rows": [asdict(row) for row in self.rows]}
        path.write_text(json.dumps(data, indent=1, ensure_ascii=False))
