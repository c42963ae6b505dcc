"""Both languages are complete, always."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.frontend import CommandLineInterface
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parents[2]
CATALOGUES = sorted((ROOT / "translations").glob("*/LC_MESSAGES/*.po"))

every_catalogue = pytest.mark.parametrize(
    "catalogue", CATALOGUES, ids=lambda path: path.relative_to(ROOT).as_posix()
)


@pytest.fixture(scope="module")
def strings(tmp_path_factory) -> set:
    """Return every translatable string of the source code, as it is today."""
    template = tmp_path_factory.mktemp("babel") / "messages.pot"
    command = f"pybabel -q extract -F {ROOT / 'pyproject.toml'} -k _l -k Counted:1,2 -o {template} {ROOT}"
    CommandLineInterface().run(command.split())
    with template.open("rb") as file:
        return {message.id for message in read_po(file) if message.id}


def test_there_is_a_spanish_catalogue():
    assert ROOT / "translations/es/LC_MESSAGES/messages.po" in CATALOGUES


def test_the_source_has_strings_to_translate(strings):
    assert "Contacts" in strings
    assert any(isinstance(string, tuple) for string in strings), "no plural form was found"


@every_catalogue
def test_every_string_is_translated(catalogue, strings):
    with catalogue.open("rb") as file:
        done = {
            message.id
            for message in read_po(file)
            if message.id and not message.fuzzy and _is_filled(message.string)
        }
    assert sorted(map(str, strings - done)) == [], "run `make translations` and fill them in"


@every_catalogue
def test_nothing_is_fuzzy(catalogue):
    with catalogue.open("rb") as file:
        assert [message.id for message in read_po(file) if message.id and message.fuzzy] == []


@every_catalogue
def test_placeholders_survive_translation(catalogue):
    with catalogue.open("rb") as file:
        mistakes = [m.id for m in read_po(file) if m.id and m.string and list(m.check())]
    assert mistakes == []


@every_catalogue
def test_strings_that_are_no_longer_used_are_gone(catalogue, strings):
    with catalogue.open("rb") as file:
        known = {message.id for message in read_po(file) if message.id}
    # Those of Flask-AppBuilder and WTForms are not in our source; they come after a comment.
    foreign = {m.id for m in _read(catalogue) if m.id and m.user_comments}
    assert sorted(map(str, known - strings - foreign)) == []


def _read(catalogue: Path):
    with catalogue.open("rb") as file:
        return list(read_po(file))


def _is_filled(string) -> bool:
    return all(string) if isinstance(string, tuple) else bool(string)
