"""``contacts import`` and ``contacts export`` on the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.extensions import db
from app.imports.models import ImportRun
from tests.factories import a_contact

DATA = Path(__file__).parent.parent / "data"


@pytest.fixture
def run(app, session):
    """Give the command line: ``run("import", "file.csv")``."""

    def run(*words: str):
        return app.test_cli_runner().invoke(args=["contacts", *map(str, words)])

    return run


def test_an_import_prints_one_json_object_and_nothing_else(run):
    done = run("import", DATA / "congreso-es-cp1252.csv", "--dry-run")
    told = json.loads(done.stdout)
    assert done.exit_code == 0
    assert {name: told[name] for name in ("new", "updated", "unchanged", "skipped", "invalid")} == {
        "new": 54, "updated": 0, "unchanged": 0, "skipped": 0, "invalid": 0,
    }  # fmt: skip
    assert told["errors"] == []
    assert told["dry_run"] is True
    assert (told["encoding"], told["delimiter"], told["match"]) == ("cp1252", ";", "name")
    assert told["mapping"] == {"Apellidos": "last_name", "Nombre": "first_name"}
    assert told["ignored"] == ["Sexo", "Formación electoral", "Circunscripción"]


def test_mapping_and_match_rule_can_be_given(run):
    words = ("--match", "member_number", "--map", "bioguide_id=member_number")
    first = run("import", DATA / "us-congress.csv", *words)
    again = run("import", DATA / "us-congress.csv", *words)
    assert json.loads(first.stdout)["new"] == 537
    assert json.loads(again.stdout)["unchanged"] == 537


def test_rejected_rows_do_not_change_the_exit_status(run, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("last name,email\nPeña,nothing\n")
    done = run("import", path)
    assert done.exit_code == 0
    assert json.loads(done.stdout)["errors"] == [
        {"row": 2, "field": "email", "reason": "“nothing” is not a valid e-mail address."}
    ]


@pytest.mark.parametrize(
    "words",
    [
        ("import", "/nowhere/at/all.csv"),
        ("import", str(DATA)),
        ("import", str(DATA / "us-congress.csv"), "--match", "shoe"),
        ("import", str(DATA / "us-congress.csv"), "--map", "nonsense"),
        ("import", str(DATA / "us-congress.csv"), "--encoding", "klingon"),
        ("export", "--where", "shoe=42"),
        ("export", "--columns", "shoe"),
    ],
)
def test_errors_are_printed_on_stderr_with_exit_status_2(run, words):
    done = run(*words)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr


def test_an_export_is_printed_or_written(run, tmp_path):
    a_contact(last_name="Peña", first_name="Ana")
    words = ("export", "--where", "q=peña", "--columns", "last_name,first_name")
    assert run(*words).stdout.replace("\r\n", "\n") == "Last name,First name\nPeña,Ana\n"
    path = tmp_path / "out.csv"
    assert run(*words, "--output", path).exit_code == 0
    assert path.read_bytes().decode() == "Last name,First name\r\nPeña,Ana\r\n"
    assert json.loads(run("import", path).stdout)["unchanged"] == 1


def test_policies_and_doubtful_rows_are_chosen_by_options(run, tmp_path):
    a_contact(first_name="Ana", last_name="Peña", email="p@example.org", city="Irún")
    path = tmp_path / "x.csv"
    path.write_text(
        "first name,last name,email,city\nAna,Peña,p@example.org,Vigo\nEva,Ruiz,p@example.org,\n"
    )
    told = json.loads(run("import", path, "--policy", "city=fill").stdout)
    assert (told["unchanged"], told["conflict"], bool(told["operation"])) == (1, 1, True)
    told = json.loads(run("import", path, "--policy", "city=fill", "--doubtful", "new").stdout)
    assert (told["unchanged"], told["new"]) == (1, 1)
    refused = run("import", path, "--policy", "city=melt")
    assert (refused.exit_code, refused.stdout) == (2, "")


def test_a_dry_run_leaves_nothing(run):
    done = run("import", DATA / "congreso-es-cp1252.csv", "--dry-run")
    assert json.loads(done.stdout)["new"] == 54
    assert db.session.scalar(select(func.count(ImportRun.id))) == 0


def test_a_file_of_headers_alone_says_so(run, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Apellidos;Nombre\n")
    done = run("import", path)
    assert done.exit_code == 2
    assert done.stderr.strip() == "This file has headers, but no rows below them."


def test_what_is_in_the_trash_is_restored_if_asked(run, tmp_path, session):
    a_contact(last_name="Vieja", first_name="Eva", trashed_at=datetime(2026, 1, 2, tzinfo=UTC))
    session.commit()
    path = tmp_path / "a.csv"
    path.write_text("Apellidos;Nombre\nVieja;Eva\n")
    skipped = json.loads(run("import", path).stdout)
    assert (skipped["skipped"], skipped["trashed"]) == (1, 1)
    done = json.loads(run("import", path, "--restore").stdout)
    assert (done["updated"], done["restored"]) == (1, 1)
