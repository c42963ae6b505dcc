"""Collective actions on the command line: they print one JSON object, or an error."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import func, select

from app.contacts.models import Category, Contact, ContactType, Status, Tag
from app.extensions import db
from app.jobs.models import Job
from app.log.models import LogEntry
from app.operations.models import Operation
from app.operations.selection import Selection
from app.security.rights import ADMINISTRATOR
from tests.contracts.fingerprint import changed_tables, fingerprint
from tests.databases import migrated_app
from tests.factories import a_contact, a_value, the_entity, the_value
from tests.operations.run_actions import items_of
from tests.people import ALICIA, BRUNO, CLARA, Person, add_person

MEMBERS = ("--where", "type=member")
TO_ACTIVE = ("--set", "status=active")


@pytest.fixture
def run(app, session):
    """Give the command line: ``run("action", "change-status", …)``."""

    def run(*words: object):
        db.session.commit()
        return app.test_cli_runner().invoke(args=[*map(str, words)])

    return run


@pytest.fixture
def run_json(run):
    """Give the JSON output of a command that must succeed."""

    def run_json(*words: object) -> dict:
        done = run(*words)
        assert (done.exit_code, done.stderr) == (0, "")
        return json.loads(done.stdout)

    return run_json


@pytest.fixture
def members(session) -> list[Contact]:
    """Give three members: active, pending, without status; and one contact of another type."""
    kind = the_value(ContactType, "Member")
    states = [the_value(Status, "Active"), the_value(Status, "Pending"), None]
    a_contact(type=the_value(ContactType, "Donor"))
    return [a_contact(type=kind, status=status) for status in states]


def statuses(contacts: list[Contact]) -> list[str]:
    db.session.expire_all()
    return [str(contact.status or "") for contact in contacts]


def test_a_dry_run_prints_a_preview_and_changes_nothing(run_json, members, connection):
    db.session.commit()
    before = fingerprint(connection, but=())
    found = run_json("action", "change-status", *MEMBERS, *TO_ACTIVE, "--dry-run")
    assert changed_tables(before, fingerprint(connection, but=())) == []
    sample = found.pop("sample")
    assert found == {
        "action": "change-status", "on": "contacts", "matched": 3, "will_change": 2, "already": 1,
        "not_permitted": 0, "skipped": 0, "operation": None, "job": None, "state": None,
        "reasons": {"not_permitted": {}, "skipped": {}}, "dry_run": True,
    }  # fmt: skip
    assert sample[0] == {
        "id": members[1].id,
        "name": str(members[1]),
        "changes": [{"field": "Status", "old": "Pending", "new": "Active"}],
    }


def test_an_action_has_run_when_the_command_ends_and_can_be_undone(run_json, members):
    found = run_json("action", "change_status", *MEMBERS, *TO_ACTIVE)
    assert statuses(members) == ["Active"] * 3
    assert (found["dry_run"], found["state"], found["will_change"]) == (False, "done", 2)
    assert found["done"] == {
        "matched": 3, "changed": 2, "already": 1, "not_permitted": 0, "skipped": 0, "failed": 0,
    }  # fmt: skip
    operation = db.session.get(Operation, found["operation"])
    assert (operation.actor_name, operation.channel) == ("Padrón", "cli")
    assert (str(operation.selection_text), str(operation.answers_text)) == (
        "type=member",
        "New status: Active",
    )
    assert Selection.from_operation(operation).describe() == "type=member"
    entry = db.session.scalars(select(LogEntry).order_by(LogEntry.id.desc())).first()
    assert (entry.operation_id, entry.channel, entry.actor_name) == (
        operation.id, "cli", "Padrón",
    )  # fmt: skip

    shown = run_json("operation", "show", operation.id)
    assert (shown["state"], shown["changed"], shown["undo_state"]) == ("done", 2, None)

    back = run_json("operation", "undo", operation.id)
    assert statuses(members) == ["Active", "Pending", ""]
    assert (back["undo_state"], back["undone"], back["kept"]) == ("done", 2, 0)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Activo", "Active"),
        ("PENDING", "Pending"),
        ("dado de baja", "Deregistered"),
        ("none", ""),
        ("{number}", "Active"),
    ],
)
def test_a_value_is_given_in_either_language_or_as_its_id(written, meant, run_json, members):
    written = written.format(number=the_value(Status, "Active").id)
    run_json("action", "change-status", *MEMBERS, "--set", f"status={written}")
    assert statuses(members) == [meant] * 3


def test_a_numeric_label_takes_precedence_over_an_id(run_json, members):
    year = a_value(Category, label_en="2024", label_es="2024")
    run_json("action", "change-category", *MEMBERS, "--set", "category=2024")
    assert {contact.category for contact in members} == {year}


def test_an_entity_is_given_by_its_name_its_path_or_its_id(run_json, members):
    south = the_entity("Sur")
    for written in ("sur", "Federación / Sur", south.id):
        found = run_json(
            "action", "change-entity", "--where", f"q={members[0].last_name}",
            "--set", f"entity={written}", "--set", "reason=Mudanza", "--dry-run",
        )  # fmt: skip
        assert found["sample"][0]["changes"] == [{"field": "Entity", "old": "Norte", "new": "Sur"}]


def test_rights_are_given_as_levels_in_either_language(run_json, run, members):
    for written in ("read", "lectura", "Ver", "READ"):
        done = run(
            "action", "change-rights", *MEMBERS, "--set", f"contacts={written}", "--dry-run"
        )
        if done.exit_code == 0:
            assert json.loads(done.stdout)["skipped"] == 3
        else:
            assert "Use one of: forbidden, read, edit." in done.stderr
    found = run_json("action", "change-rights", *MEMBERS, "--set", "contacts=read", "--dry-run")
    assert found["reasons"]["skipped"] == {
        "This contact is not a user. Give them access first in Access rights.": 3
    }


def test_conditions_are_combined_with_and_and_values_of_one_field_with_or(run_json, members):
    words = ("--where", "type=member", "--where", "type=donor")
    assert run_json("action", "delete", *words, "--dry-run")["matched"] == 4
    words = (*words, "--where", "status=pending")
    assert run_json("action", "delete", *words, "--dry-run")["matched"] == 1


def test_all_rows_are_selected_only_with_everything(run_json, run, members):
    assert run_json("action", "delete", "--everything", "--dry-run")["matched"] == 4
    for words in ((), (*MEMBERS, "--everything"), ("--where", "q= ")):
        assert run("action", "delete", *words).exit_code == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("paint", *MEMBERS), "Action “paint” doesn’t exist. Available actions: add-tag, "),
        (("change-status", *MEMBERS), "status: This field is required."),
        (("change-status", *MEMBERS, "--set", "status="), "status: This field is required."),
        (("change-status", *MEMBERS, "--set", "status=Klingon"), "“Klingon” doesn’t exist."),
        (("change-status", *MEMBERS, "--set", "status=999999"), "This option is not available."),
        (("change-status", *MEMBERS, "--set", "colour=red"), "Available fields: status."),
        (("change-status", *MEMBERS, "--set", "status"), "must have the form field=value"),
        (("change-status", *MEMBERS, *TO_ACTIVE, *TO_ACTIVE), "Send an ID or a name."),
        (("change-status", "--where", "shoe=42", *TO_ACTIVE), "“shoe” is not a field"),
        (("change-status", "--where", "type", *TO_ACTIVE), "must have the form field=value"),
        (("change-status", "--where", "type=Klingon", *TO_ACTIVE), "“Klingon” doesn’t exist."),
        (("change-status", *TO_ACTIVE), "--everything"),
        (("add-tag", *MEMBERS, "--set", "tag=none"), "“none” doesn’t exist."),
        (("delete", *MEMBERS, "--set", "a=1"), "This field doesn’t exist."),
        (("change-rights", *MEMBERS), "Choose a level in at least one area."),
        (("change-rights", *MEMBERS, "--set", "contacts=fly"), "forbidden, read, edit"),
        (
            ("change-status", *MEMBERS, *TO_ACTIVE, "--as", "nadie"),
            "No active user is called “nadie”",
        ),
        (
            ("change-status", *MEMBERS, *TO_ACTIVE, "--as", "clara"),
            "Clara García doesn’t have permission",
        ),
    ],
)
def test_errors_go_to_stderr_and_nothing_changes(words, sentence, run, members, connection):
    db.session.commit()
    before = fingerprint(connection, but=())
    done = run("action", *words)
    assert changed_tables(before, fingerprint(connection, but=())) == []
    assert (done.exit_code, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_command_as_a_user_has_the_scope_of_that_user(run_json, members):
    kind = the_value(ContactType, "Member")
    foreign = a_contact("Sur", type=kind)
    found = run_json("action", "change-status", *MEMBERS, *TO_ACTIVE, "--as", "bruno")
    assert (found["matched"], foreign.status) == (3, None)
    operation = db.session.get(Operation, found["operation"])
    assert (operation.actor_id, operation.channel) == (BRUNO.user.id, "cli")
    assert run_json("action", "change-status", *MEMBERS, *TO_ACTIVE)["will_change"] == 1


def test_an_operation_is_visible_to_its_owner_and_to_the_system(run_json, run, members):
    number = run_json("action", "change-status", *MEMBERS, *TO_ACTIVE, "--as", "alicia")[
        "operation"
    ]
    for words in (("show", number), ("undo", number)):
        for name in (BRUNO.name, CLARA.name):
            done = run("operation", *words, "--as", name)
            assert (done.exit_code, done.stdout) == (2, "")
            assert f"Operation {number} not found" in done.stderr
    assert run_json("operation", "show", number, "--as", ALICIA.name)["changed"] == 2
    assert run_json("operation", "undo", number)["undone"] == 2
    again = run("operation", "undo", number)
    assert (again.exit_code, again.stderr) == (2, "This has already been undone.\n")
    assert run("operation", "show", 2**40).exit_code == 2


def test_output_is_in_the_requested_language(run_json, run, members):
    words = ("action", "change-status", *MEMBERS)
    found = run_json(*words, *TO_ACTIVE, "--dry-run", "--language", "es")
    assert found["sample"][0]["changes"][0]["old"] == "Pendiente"
    refused = run(*words, "--language", "es")
    assert refused.stderr == "status: Este campo es obligatorio.\n"
    assert "Activo" in json.dumps(run_json("actions", "--language", "es"))


def test_output_as_a_user_is_in_the_language_of_that_user(run, members):
    BRUNO.user.language = "es"
    assert "obligatorio" in run("action", "change-status", *MEMBERS, "--as", "bruno").stderr


def test_actions_are_listed_with_their_fields(run_json):
    found = {(one["on"], one["action"]): one for one in run_json("actions")}
    status = found["contacts", "change-status"]["fields"][0]
    labels = [choice["label"] for choice in status.pop("choices")]
    assert labels[:3] == ["Active", "Pending", "Deregistered"]
    assert status == {
        "name": "status", "label": "New status", "kind": "link", "is_required": True,
        "may_be_none": True,
    }  # fmt: skip
    assert found["contacts", "delete"]["fields"] == []
    entity, reason = found["contacts", "change-entity"]["fields"]
    assert (entity["choices"], reason["kind"]) == (None, "text")


def test_a_job_that_fails_ends_with_status_one(run, members, monkeypatch):
    """The user loses the permission between confirmation and run."""
    monkeypatch.setattr("app.operations.jobs.may_act", lambda actor, operation: False)
    done = run("action", "change-status", *MEMBERS, *TO_ACTIVE)
    assert done.exit_code == 1
    assert json.loads(done.stdout)["state"] == "failed"
    assert "no longer has permission" in done.stderr
    assert statuses(members) == ["Active", "Pending", ""]


def test_the_result_counts_rows_that_were_left_out_by_reason(run_json):
    nora = Person("nora", "Norte", ADMINISTRATOR)
    user = add_person(nora)
    tag = the_value(Tag, "To be completed")
    signs_in, other = a_contact(tags=[tag], user_id=user.id), a_contact(tags=[tag])
    db.session.commit()
    found = run_json("action", "delete", "--where", "tag=To be completed")
    assert (found["will_change"], found["skipped"], found["done"]["changed"]) == (1, 1, 1)
    sentence = "This person can sign in. Remove their access first in Access rights."
    assert found["reasons"] == {"not_permitted": {}, "skipped": {sentence: 1}}
    operation = db.session.get(Operation, found["operation"])
    assert {pk: item.outcome for pk, item in items_of(operation).items()} == {
        signs_in.id: "skipped",
        other.id: "changed",
    }


@pytest.mark.both_databases
def test_every_command_manages_its_own_transactions(database, tmp_path):
    """Other tests run in a single transaction, which hides the commands' own ones."""
    with migrated_app(database, tmp_path, with_people=True) as app:
        with app.app_context():
            a_contact(last_name="Peña", type=the_value(ContactType, "Member"))
        commands = [
            ("contacts", "export", "--where", "q=peña"),
            ("actions",),
            ("action", "change-status", *MEMBERS, *TO_ACTIVE, "--dry-run"),
            ("action", "change-status", *MEMBERS, *TO_ACTIVE),
            ("operation", "show", "1"),
            ("operation", "undo", "1"),
        ]
        for words in commands:
            done = app.test_cli_runner().invoke(args=words)
            assert (done.exit_code, done.stderr) == (0, ""), words
        assert json.loads(done.stdout)["undone"] == 1


def test_a_command_runs_jobs_above_the_background_limit_itself(
    app, run_json, session, monkeypatch
):
    monkeypatch.setitem(app.config, "BACKGROUND_ABOVE", 1)
    for _number in range(5):
        a_contact()
    found = run_json("action", "change-status", "--everything", *TO_ACTIVE)
    assert (found["state"], found["done"]["changed"]) == ("done", 5)
    assert db.session.scalar(select(func.count(Job.id)).where(Job.state == "done")) == 1
