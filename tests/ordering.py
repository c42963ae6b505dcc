"""In which order the tests run, which of them, and which worker of pytest-xdist runs what.

A *unit* is what one file has for one database. Units come in random order, tests within a unit
too; one worker runs a whole unit, so that fixtures of a module are made once. The browser comes
first, then files marked ``long``: what begins last would keep one worker busy while others rest.
"""

from __future__ import annotations

import re
from collections import defaultdict

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.databases import BOTH
from tests.sampling import IS_FULL, SEED, chance, is_chosen, some

# Of the test functions that do not depend on the database, one in so many runs on PostgreSQL too.
ONE_IN = 10
# Of a function that runs once for each list or action, or for many values, so many cases run on
# PostgreSQL too, and a third of those beyond.
CASES = 6
# What all tests take with one process.
MINUTES, FULL_MINUTES = 16, 120
BROWSER = "tests/browser"
_DATABASE = re.compile(r"[\[-](sqlite|postgres)[]-]")


def unit_of(nodeid: str) -> str:
    """Return the name of the unit a test belongs to."""
    path = nodeid.partition("::")[0]
    if path.startswith(f"{BROWSER}/"):
        # Chromium and the program it looks at are started once.
        return BROWSER
    found = _DATABASE.search(nodeid)
    return f"{path} {found[1] if found else ''}"


class UnitScheduling(LoadScopeScheduling):
    """Gives whole units to workers, in the order in which the workers list them.

    ``--dist loadgroup`` of xdist 3.8 groups nothing under pytest 9: it renames tests through an
    attribute that pytest no longer reads.
    """

    def __init__(self, config: pytest.Config, log=None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)


def databases_of(metafunc: pytest.Metafunc) -> tuple[str, ...]:
    """Return the databases on which a test function runs.

    Decided before its tests are made: half of all tests would be made in vain otherwise.
    """
    config, definition = metafunc.config, metafunc.definition
    is_long = definition.get_closest_marker("long") is not None
    runs_on_both = (
        runs_everything(config)
        or definition.get_closest_marker("both_databases") is not None
        or (not is_long and is_chosen(definition.nodeid, 1 / ONE_IN))
    )
    return BOTH if runs_on_both else BOTH[:1]


def runs_everything(config: pytest.Config) -> bool:
    """Return True if nothing is sampled: in full, for PostgreSQL alone, or for tests by name."""
    return IS_FULL or "postgres" in config.option.keyword or any("::" in a for a in config.args)


def sampled(config: pytest.Config, items: list[pytest.Item]) -> list[pytest.Item]:
    """Return the tests without those cases of large functions that PostgreSQL does not run now."""
    if runs_everything(config):
        return items
    cases: dict[str, list[str]] = defaultdict(list)
    for item in items:
        found = _DATABASE.search(item.nodeid)
        if found and found[1] == "postgres":
            cases[item.nodeid.partition("[")[0]].append(item.nodeid)
    left_out: set[str] = set()
    for function, ids in cases.items():
        kept = some(ids, CASES + max(0, len(ids) - CASES) // 3, function)
        left_out |= set(ids).difference(kept)
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid in left_out])
    return [item for item in items if item.nodeid not in left_out]


def shuffled(items: list[pytest.Item]) -> list[pytest.Item]:
    """Return the tests in the order of this run's seed, unit by unit, long ones first."""
    units: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        units[unit_of(item.nodeid)].append(item)
    names = sorted(units)
    chance("units").shuffle(names)
    # Stable: the order of the seed is kept within each of the three groups.
    names.sort(key=lambda name: not any(item.get_closest_marker("long") for item in units[name]))
    names.sort(key=lambda name: name != BROWSER)
    for name in names:
        chance(name).shuffle(units[name])
    return [item for name in names for item in units[name]]


def header(config: pytest.Config) -> list[str]:
    """Return what the run says of itself before it begins."""
    lines = [f"PADRON_TEST_SEED={SEED} repeats the order and the samples of this run"]
    if IS_FULL:
        lines.append("PADRON_TEST_FULL=1: nothing is sampled")
    else:
        lines.append(
            "sampled: hostile values; on PostgreSQL the cases of large functions and 1 in"
            f" {ONE_IN} tests not marked both_databases (PADRON_TEST_FULL=1 runs everything)"
        )
    is_whole = not config.option.keyword and not config.option.markexpr
    if is_whole and config.args == config.getini("testpaths"):
        workers = len(config.getoption("tx", None) or [""])
        minutes = round((FULL_MINUTES if IS_FULL else MINUTES) / workers)
        lines.append(f"all tests take about {minutes} minutes with {workers} processes")
    return lines
