"""Collective actions on accounts: from the command line and the API, and what the log still says."""

from __future__ import annotations

import json

import pytest

from app.accounts.models import AccountType
from app.extensions import db
from app.log.services import record_many
from app.tags.models import Tag
from tests.factories import a_value, an_account, the_value
from tests.people import ALICIA, BRUNO, api_key_header

pytestmark = pytest.mark.usefixtures("session")


@pytest.fixture
def run(app, session):
    def run(*words: object):
        db.session.commit()
        return app.test_cli_runner().invoke(args=[*map(str, words)])

    return run


def test_a_command_says_on_which_list_and_is_undone(run):
    supplier, tag = the_value(AccountType, "Supplier"), a_value(Tag, label_en="Urgent")
    chosen, other = an_account(type=supplier), an_account(tags=[tag])
    words = (
        "action",
        "add-tag",
        "--on",
        "accounts",
        "--where",
        "type=supplier",
        "--set",
        "tag=urgent",
    )
    told = json.loads(run(*words).stdout)
    assert (told["on"], told["matched"], told["done"]["changed"]) == ("accounts", 1, 1)
    db.session.expire_all()
    assert chosen.tags == other.tags == [tag]
    assert json.loads(run("operation", "undo", told["operation"]).stdout)["undone"] == 1
    db.session.expire_all()
    assert chosen.tags == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("delete", "--on", "ships"), "accounts"),
        (("change-category", "--on", "accounts"), "change-type"),
    ],
)
def test_what_a_list_does_not_offer_is_refused_with_what_there_is(run, words, sentence):
    done = run("action", *words, "--everything")
    assert (done.exit_code, done.stdout) == (2, "")
    assert sentence in done.stderr


def test_the_api_describes_and_runs_the_actions_of_each_resource(client_as):
    browser, key = client_as(None), api_key_header(BRUNO.user.id)
    row, kind = an_account(), the_value(AccountType, "Partner")
    described = browser.get("/api/v1/openapi.json", headers=key).get_json()
    allowed = {
        rule["if"]["properties"]["resource"]["const"]: rule["then"]["properties"]["action"]["enum"]
        for rule in described["components"]["schemas"]["OperationNew"]["allOf"]
    }
    assert allowed["accounts"] == [
        "add-tag",
        "change-entity",
        "change-type",
        "delete",
        "remove-tag",
        "set-custom-field",
    ]
    assert "change-category" in allowed["contacts"]
    sent = {"action": "change-type", "resource": "accounts", "ids": [row.id]}
    sent["answers"] = {"type": "partner"}
    reply = browser.post("/api/v1/operations/", headers=key, json=sent)
    assert (reply.status_code, reply.get_json()["resource"]) == (201, "accounts")
    db.session.expire_all()
    assert row.type is kind
    wrong = browser.post(
        "/api/v1/operations/", headers=key, json=sent | {"action": "change-status"}
    )
    assert wrong.status_code == 422
    assert "change-type" in wrong.text


def test_an_entry_of_before_types_were_a_list_is_shown_and_cannot_be_put_back(client_as):
    row, browser = an_account(), client_as(ALICIA)
    entry = {"subject_id": row.id, "subject_name": str(row), "version": 1,
             "changes": {"type": ["supplier", "partner"]}}  # fmt: skip
    record_many(db.session(), "changed", "account", [entry], ALICIA.as_actor())
    db.session.commit()
    page = browser.get(f"/accounts/show/{row.id}?tab=log")
    assert page.status_code == 200
    assert "supplier" in page.text
    assert '/type"' not in page.text
