"""What other users see of an operation, and what they may do with it."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, update

from app.contacts.actions.change_rights import ChangeRights
from app.contacts.models import Status
from app.extensions import db
from app.jobs.models import Job
from app.operations.models import Operation, OperationItem
from app.security.areas import Area, Level
from app.security.rights import ADMINISTRATOR
from app.security.roles import role_name
from tests.contact_actions import ChangeEntity
from tests.factories import a_contact, a_value, the_entity
from tests.operations.run_actions import create_draft_for, do
from tests.people import ALICIA, BRUNO, Person, add_person, api_key_header

pytestmark = pytest.mark.usefixtures("session")

SETS_UP = Person("santi", "Norte", role_name(Area.SETTINGS, Level.EDIT))
SECURES = Person("segismundo", "Norte", role_name(Area.SECURITY, Level.EDIT))


def moved() -> Operation:
    """Let Bruno move a contact found by its name, with a reason that others may not read."""
    contact = a_contact(first_name="Casilda", last_name="Zubizarreta")
    bilbao = the_entity("Bilbao")
    operation = do(ChangeEntity, BRUNO.as_actor(), [contact], entity=bilbao.id, reason="Divorcio")
    operation.selection_text = "Search: “Zubizarreta”"
    db.session.commit()
    return operation


def test_a_colleague_without_permission_for_the_list_sees_no_row_of_the_operation(client_as):
    add_person(SETS_UP)
    operation = moved()
    browser = client_as(SETS_UP)
    for address in ("/jobs/?who=all", f"/jobs/{operation.job_id}/"):
        page = browser.get(address)
        assert page.status_code == 200
        assert "Change entity" in page.text
        for secret in ("Zubizarreta", "Divorcio"):
            assert secret not in page.text, address


def test_the_user_who_ran_it_sees_its_rows_and_answers(client_as):
    operation = moved()
    page = client_as(BRUNO).get(f"/jobs/{operation.job_id}/").text
    assert "Casilda Zubizarreta" in page
    assert "Divorcio" in page


def test_downloaded_failures_have_no_names_for_users_who_may_not_see_them(client_as):
    add_person(SETS_UP)
    operation = moved()
    db.session.execute(update(OperationItem).values(outcome="skipped", reason="gone"))
    operation.changed, operation.skipped = 0, 1
    db.session.commit()
    at = f"/jobs/{operation.job_id}/failures.csv"
    assert "Zubizarreta" in client_as(BRUNO).post(at).text
    assert "Zubizarreta" not in client_as(SETS_UP).post(at).text


def test_the_permission_of_an_action_alone_does_not_allow_a_preview(client_as):
    """A user who may change rights but not list contacts sees none in a preview."""
    add_person(SECURES)
    a_contact(first_name="Casilda", user=add_person(Person("casilda", "Norte", None)))
    answer = client_as(SECURES).post(
        "/contacts/action_post", data={"action": "change_rights", "all": "1"}
    )
    assert answer.status_code == 403


def test_a_draft_is_refused_when_the_permission_for_the_list_is_gone(client_as):
    add_person(SECURES)
    contact = a_contact(user=add_person(Person("casilda", "Norte", None)))
    operation = create_draft_for(ChangeRights, SECURES.as_actor(), [contact])
    assert client_as(SECURES).get(f"/operations/{operation.id}/").status_code == 403


def test_a_local_administrator_cannot_undo_an_operation_out_of_scope(client_as):
    local = Person("lola", "Sur", ADMINISTRATOR)
    add_person(local)
    operation = moved()
    assert client_as(local).post(f"/operations/{operation.id}/undo").status_code == 404
    db.session.refresh(operation)
    assert operation.undo_job_id is None
    assert client_as(ALICIA).post(f"/operations/{operation.id}/undo").status_code == 302
    db.session.refresh(operation)
    assert operation.undone == 1


def test_a_repeated_request_is_answered_after_its_job_was_deleted(app):
    contact, status = a_contact(), a_value(Status)
    header = api_key_header(BRUNO.user.id) | {"Idempotency-Key": "uno"}
    body = {
        "action": "change-status", "resource": "contacts",
        "ids": [contact.id], "answers": {"status": status.id},
    }  # fmt: skip
    browser = app.test_client()
    first = browser.post("/api/v1/operations/", json=body, headers=header)
    assert first.status_code == 201
    db.session.execute(delete(Job))
    db.session.commit()
    again = browser.post("/api/v1/operations/", json=body, headers=header)
    assert again.status_code == 201
    assert again.json["operation"] == first.json["operation"]
    assert again.json["state"] == "forgotten"


@pytest.mark.parametrize(
    "on",
    ["\r\nX-Evil: 1", "\n", "name=\x00", "//evil.example/", "é" * 4000, "x" * 300_000, "\ud800"],
)
def test_any_query_string_leads_back_to_the_list_safely(client_as, on):
    browser = client_as(BRUNO)
    data = {"action": "change_status", "on": on.encode("utf-8", "surrogatepass")}
    answer = browser.post("/contacts/action_post", data=data)
    assert answer.status_code in (302, 400, 413)
    if answer.status_code == 302:
        assert answer.location.startswith("/contacts/list/")
        assert "X-Evil" not in answer.headers
    answer = browser.post("/contacts/action_post", data=data | {"all": "1"})
    assert answer.status_code in (302, 400, 413, 422), answer.text
    if answer.status_code == 302 and answer.location.startswith("/operations/"):
        assert browser.get(answer.location).status_code in (200, 400, 422)
