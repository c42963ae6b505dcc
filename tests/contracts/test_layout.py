"""The plan of the house and the walls that hold it agree."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from app.domains import DOMAINS
from app.registry import Plug

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONTRACTS = SETTINGS["tool"]["importlinter"]["contracts"]
JUNK_DRAWERS = {"utils", "util", "helpers", "common", "misc", "tools", "manager_utils"}
MODULES = sorted((ROOT / "app").rglob("*.py"))
MAX_LINES = 400


def test_the_floors_are_the_domains_in_order():
    floors = [layer.removeprefix("app.") for layer in reversed(CONTRACTS[0]["layers"])]
    assert tuple(floor for floor in floors if floor in DOMAINS) == DOMAINS


def test_every_room_is_a_domain():
    rooms = {
        path.parent.name
        for path in (ROOT / "app").glob("*/__init__.py")
        if any(path.parent.glob("*.py"))
    }
    assert rooms == set(DOMAINS)


def test_every_room_with_business_has_its_inside_order_held():
    held = {name.removeprefix("app.") for name in CONTRACTS[1]["containers"]}
    furnished = {
        domain
        for domain in DOMAINS
        if (ROOT / "app" / domain / "services.py").exists()
        or (ROOT / "app" / domain / "queries.py").exists()
    }
    assert furnished <= held


def test_a_module_says_what_it_is_for():
    silent = []
    for path in MODULES:
        sentence = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        first = sentence.partition("\n")[0].rstrip()
        if not first.endswith((".", "…", "?")):
            silent.append(path.relative_to(ROOT).as_posix())
    assert silent == []


def test_no_file_is_too_long_to_read():
    assert _too_long(MODULES) == []


def test_no_test_file_is_too_long_to_read():
    assert _too_long((ROOT / "tests").rglob("*.py")) == []


def _too_long(paths):
    return [
        path.relative_to(ROOT).as_posix()
        for path in paths
        if len(path.read_text(encoding="utf-8").splitlines()) > MAX_LINES
    ]


def test_there_is_no_junk_drawer():
    assert [path for path in MODULES if path.stem in JUNK_DRAWERS] == []


def test_nothing_is_read_that_could_run_what_it_reads():
    """Job parameters and queue messages are JSON; pickle, marshal and shelve run what they load."""
    reading = re.compile(r"\b(pickle|marshal|shelve|jsonpickle|dill)\b|yaml\.(unsafe_)?load")
    found = [path.name for path in MODULES if reading.search(path.read_text(encoding="utf-8"))]
    assert found == []


def test_nothing_names_the_machine_it_was_written_on():
    named = [
        path.relative_to(ROOT).as_posix()
        for folder in ("app", "migrations", "bench", "translations", "docs")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".html", ".js", ".css", ".po", ".md"}
        and str(ROOT) in path.read_text(encoding="utf-8")
    ]
    assert named == []


def test_the_walls_hold():
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_a_plug_is_collected_by_being_written(monkeypatch):
    class Hook(Plug):
        """A kind of plug."""

    class Base(Hook, abstract=True):
        """Not a plug itself."""

    class One(Base):
        """A plug."""

    assert Hook.all() == (One,)
    assert Base.all() == (One,)
