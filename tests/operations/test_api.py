"""The API of collective actions: permissions, previews, operations and idempotency."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from app.contacts.models import Contact, ContactType, Status
from app.extensions import db
from app.jobs.models import Job
from app.jobs.runner import run_now
from app.log.models import LogEntry
from app.operations.models import OUTCOMES, Operation
from app.operations.services import create_draft
from app.security.areas import Area, Level
from tests.contracts.fingerprint import changed_tables, fingerprint
from tests.factories import a_contact, an_operation, the_entity, the_value
from tests.operations.run_actions import selection_of
from tests.people import ALICIA, BRUNO, CLARA, DIEGO, Person, api_key_header

URL = "/api/v1/operations/"


@pytest.fixture
def call(client_as):
    """Ask the API: ``call("POST", URL, {…})``, in Bruno's name unless another is said."""
    browser, keys = client_as(None), {}

    def ask(method: str, url: str, sent=None, who: Person = BRUNO, key=None, **headers: str):
        if who.name not in keys:
            keys[who.name] = api_key_header(who.user.id)
        shown = (key or keys[who.name]) | {k.replace("_", "-"): v for k, v in headers.items()}
        return browser.open(url, method=method, json=sent, headers=shown)

    return ask


@pytest.fixture
def members(session) -> list[Contact]:
    """Give three members of the North: one is active, one pending, one neither."""
    kind = the_value(ContactType, "Member")
    states = [the_value(Status, "Active"), the_value(Status, "Pending"), None]
    return [a_contact(type=kind, status=status) for status in states]


def to_active(**more) -> dict:
    """Return the body that makes members active; fields that are None are not sent."""
    found = {
        "action": "change-status",
        "resource": "contacts",
        "filter": {"type__is": str(the_value(ContactType, "Member").id)},
        "answers": {"status": "Active"},
    } | more
    return {name: value for name, value in found.items() if value is not None}


def statuses(contacts: list[Contact]) -> list[str]:
    db.session.expire_all()
    return [str(contact.status or "") for contact in contacts]


def operations() -> int:
    return db.session.scalar(select(func.count(Operation.id)))


def test_a_dry_run_returns_a_preview_and_changes_nothing(call, members, connection):
    a_contact("Sur", type=the_value(ContactType, "Member"))
    call("GET", URL)
    before = fingerprint(connection, but=())
    reply = call("POST", URL, to_active(dry_run=True), Idempotency_Key="one")
    told = reply.get_json()
    assert changed_tables(before, fingerprint(connection, but=())) == []
    sample = told.pop("sample")
    assert (reply.status_code, told) == (
        200,
        {
            "action": "change-status", "resource": "contacts", "selection": "Type is Member",
            "dry_run": True, "matched": 3, "will_change": 2, "already": 1, "not_permitted": 0,
            "skipped": 0, "reasons": {"not_permitted": {}, "skipped": {}},
        },
    )  # fmt: skip
    assert sample[0] == {
        "id": members[1].id,
        "name": str(members[1]),
        "changes": [{"field": "Status", "old": "Pending", "new": "Active"}],
    }


def test_a_small_operation_runs_at_once_and_is_read_and_undone(call, members):
    reply = call("POST", URL, to_active())
    told = reply.get_json()
    assert (reply.status_code, told["state"], told["changed"]) == (201, "done", 2)
    assert reply.headers["Location"] == told["url"] == f"{URL}{told['operation']}"
    assert statuses(members) == ["Active"] * 3

    whole = call("GET", told["url"]).get_json()
    assert whole.pop("reasons") == {"not_permitted": {}, "skipped": {}}
    assert whole == told
    listed = call("GET", URL).get_json()
    assert listed == {"results": [told], "next": None}

    back = call("POST", f"{told['url']}/undo")
    again = call("POST", f"{told['url']}/undo", {})
    assert (back.status_code, back.get_json()["undone"]) == (200, 2)
    assert again.get_json() == back.get_json()
    assert statuses(members) == ["Active", "Pending", ""]


def test_the_figures_of_an_operation_are_read_without_its_items(call, members, counting):
    url = call("POST", URL, to_active()).get_json()["url"]
    with counting() as statements:
        whole = call("GET", url).get_json()
    assert (whole["changed"], whole["already"]) == (2, 1)
    assert not [one for one in statements if "operation_item" in one or "frozen_rows" in one]


def test_the_log_names_the_user_the_key_the_channel_and_the_operation(call, members):
    number = call("POST", URL, to_active()).get_json()["operation"]
    entry = db.session.scalars(select(LogEntry).order_by(LogEntry.id.desc())).first()
    assert (entry.actor_id, entry.actor_name, entry.channel, entry.operation_id) == (
        BRUNO.user.id, "Bruno García · Tests", "api", number,
    )  # fmt: skip


def test_a_large_operation_runs_in_the_background_and_can_be_cancelled(
    app, call, members, monkeypatch
):
    monkeypatch.setitem(app.config, "BACKGROUND_ABOVE", 2)
    reply = call("POST", URL, to_active())
    told = reply.get_json()
    assert (reply.status_code, told["state"], told["changed"]) == (202, "queued", 0)
    assert call("POST", f"{told['url']}/undo").status_code == 409

    stopped = call("POST", f"{told['url']}/cancel")
    assert (stopped.status_code, stopped.get_json()["operation"]) == (202, told["operation"])
    run_now(told["job"])
    ended = call("GET", told["url"]).get_json()
    assert (ended["state"], ended["changed"]) == ("cancelled", 0)
    assert call("POST", f"{told['url']}/cancel").status_code == 409
    left = call("GET", f"{told['items']}?outcome=left").get_json()["results"]
    assert [row["id"] for row in left] == [contact.id for contact in members]


def test_the_items_of_an_operation_are_paged(call, session):
    contacts = [a_contact() for _n in range(30)]
    sent = to_active(filter=None, ids=[contact.id for contact in contacts])
    told = call("POST", URL, sent).get_json()
    url, rows = f"{told['items']}?outcome=changed", []
    while url:
        page = call("GET", url).get_json()
        rows += page["results"]
        url = page["next"]
    assert [row["id"] for row in rows] == [contact.id for contact in contacts]
    assert rows[0] == {
        "id": contacts[0].id, "name": str(contacts[0]), "outcome": "changed",
        "outcome_text": OUTCOMES["changed"], "reason": "",
    }  # fmt: skip
    call("POST", f"{told['url']}/undo")
    assert len(call("GET", f"{told['items']}?outcome=undone&size=50").get_json()["results"]) == 30
    assert call("GET", f"{told['items']}?outcome=kept").get_json()["results"] == []


def test_rows_are_selected_by_ids_by_a_filter_or_all_with_exceptions(call, members):
    numbers = [contact.id for contact in members]
    for more, matched in (
        ({"filter": None, "ids": numbers[1:]}, 2),
        ({"except": numbers[:1]}, 2),
        ({"filter": {"q": members[2].last_name}}, 1),
        ({"filter": None, "everything": True}, 3),
        ({"filter": None, "everything": True, "except": numbers[:2]}, 1),
    ):
        told = call("POST", URL, to_active(dry_run=True, **more)).get_json()
        assert told["matched"] == matched, more


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"action": "paint"}, "action"), ({"action": None}, "action"), ({"action": 5}, "action"),
        ({"resource": "tags"}, "resource"), ({"resource": None}, "resource"),
        ({"filter": None}, "filter"), ({"filter": {}}, "filter"), ({"filter": [1]}, "filter"),
        ({"filter": {"q": ""}}, "filter"), ({"filter": {"q": "  "}}, "filter"),
        ({"filter": {"type__is": ""}}, "filter"), ({"filter": {"type__is": None}}, "filter"),
        ({"filter": {"type__is": "x"}}, "filter"), ({"filter": {"type__is ": "1"}}, "filter"),
        ({"filter": {"password__is": "x"}}, "filter"), ({"filter": {"sort": "id"}}, "filter"),
        ({"filter": {"id": "1"}}, "filter"), ({"filter": {"__class__": "1"}}, "filter"),
        ({"filter": {f"a{n}__is": "1" for n in range(50)}}, "filter"),
        ({"filter": {"q\x00\ud800": "1", "q": "ana\x00\ud800"}}, "filter"),
        ({"ids": [1]}, "ids"), ({"everything": True}, "everything"),
        ({"filter": None, "ids": []}, "ids"), ({"filter": None, "ids": ["1"]}, "ids"),
        ({"filter": None, "ids": [True]}, "ids"), ({"filter": None, "ids": [2**31]}, "ids"),
        ({"filter": None, "ids": list(range(1, 1_002))}, "ids"),
        ({"filter": None, "ids": [1], "except": [1]}, "except"), ({"except": 1}, "except"),
        ({"everything": "yes"}, "everything"), ({"dry_run": 1}, "dry_run"),
        ({"answers": []}, "answers"), ({"answers": None}, "answers.status"),
        ({"answers": {"status": ""}}, "answers.status"),
        ({"answers": {"status": 999_999}}, "answers.status"),
        ({"answers": {"status": 2**31}}, "answers.status"),
        ({"answers": {"status": True}}, "answers.status"),
        ({"answers": {"status": [1]}}, "answers.status"),
        ({"answers": {"status": "Klingon\x00\ud800"}}, "answers.status"),
        ({"answers": {"status": 1, "colour": 1}}, "answers.colour"),
        ({"answers": {"status": 1, "csrf_token": "x"}}, "answers.csrf_token"),
        ({"confirm": "everything"}, "confirm"),
    ],
)  # fmt: skip
def test_a_wrong_body_is_refused_with_an_error_per_field(more, field, call, members, connection):
    sent = to_active(**more)
    call("GET", URL)
    before = fingerprint(connection, but=())
    reply = call("POST", URL, sent)
    assert changed_tables(before, fingerprint(connection, but=())) == []
    assert reply.status_code == 422
    assert field in reply.get_json()["fields"]


def test_an_answer_is_an_id_a_label_an_object_or_null(call, members):
    active = the_value(Status, "Active")
    for value in (active.id, "activo", {"id": active.id, "label": "Active"}, str(active.id)):
        told = call("POST", URL, to_active(answers={"status": value}, dry_run=True)).get_json()
        assert told["will_change"] == 2
    told = call("POST", URL, to_active(answers={"status": None})).get_json()
    assert (told["answers"], told["changed"]) == ("New status: No value", 2)


def test_one_row_out_of_scope_refuses_the_whole_request(call, members, connection):
    foreign = a_contact("Sur")
    call("GET", URL)
    before = fingerprint(connection)
    for number in (foreign.id, 999_999):
        for dry_run in (True, False):
            sent = to_active(filter=None, ids=[members[2].id, number], dry_run=dry_run)
            assert call("POST", URL, sent).status_code == 403
    assert changed_tables(before, fingerprint(connection)) == []
    # Each try is a line of the security log.
    told = db.session.scalars(select(LogEntry).where(LogEntry.event == "out_of_reach"))
    assert [(line.actor_id, line.subject_name) for line in told] == [
        (BRUNO.user.id, "Contacts")
    ] * 4


def test_an_answer_that_is_out_of_scope_is_refused(call, members):
    sent = to_active(action="change-entity", answers={"reason": "x"})
    for south in ("Sur", the_entity("Sur").id):
        sent["answers"]["entity"] = south
        reply = call("POST", URL, sent)
        assert (reply.status_code, list(reply.get_json()["fields"])) == (422, ["answers.entity"])


@pytest.mark.parametrize(
    ("who", "scopes", "action", "status"),
    [
        (BRUNO, {Area.CONTACTS: Level.EDIT}, "change-status", 200),
        (BRUNO, {Area.CONTACTS: Level.READ}, "change-status", 403),
        (BRUNO, {Area.SETTINGS: Level.EDIT}, "change-status", 403),
        (BRUNO, {}, "change-status", 403),
        (BRUNO, None, "change-rights", 403),
        (CLARA, None, "change-status", 403),
        (DIEGO, None, "change-status", 403),
        (ALICIA, {Area.CONTACTS: Level.EDIT}, "change-rights", 403),
        (ALICIA, {Area.SECURITY: Level.EDIT}, "change-rights", 403),
        (ALICIA, {Area.CONTACTS: Level.READ, Area.SECURITY: Level.EDIT}, "change-rights", 200),
    ],
)  # fmt: skip
def test_a_key_may_do_no_more_than_its_scopes_and_its_owner(
    who, scopes, action, status, call, members
):
    key = api_key_header(who.user.id, scopes)
    answers = {"contacts": "read"} if action == "change-rights" else {"status": "Active"}
    sent = to_active(action=action, answers=answers, dry_run=True)
    assert call("POST", URL, sent, key=key).status_code == status
    listed = call("GET", "/api/v1/actions/", key=key).get_json()["results"]
    assert (action in [one["action"] for one in listed]) is (status == 200)


def test_an_operation_is_visible_to_its_owner_with_a_key_for_its_list(call, members):
    told = call("POST", URL, to_active()).get_json()
    ways = (("GET", ""), ("GET", "/items"), ("POST", "/undo"), ("POST", "/cancel"))
    no_contacts = api_key_header(BRUNO.user.id, {Area.SETTINGS: Level.EDIT})
    for who, key in ((ALICIA, None), (CLARA, None), (DIEGO, None), (BRUNO, no_contacts)):
        for method, way in ways:
            assert call(method, told["url"] + way, who=who, key=key).status_code == 404
        assert call("GET", URL, who=who, key=key).get_json()["results"] == []
    reads = api_key_header(BRUNO.user.id, {Area.CONTACTS: Level.READ})
    codes = [call(method, told["url"] + way, key=reads).status_code for method, way in ways]
    assert codes == [200, 200, 403, 403]
    assert statuses(members) == ["Active"] * 3


def test_a_draft_is_not_listed(call, members):
    kept = create_draft(db.session(), "change_status", selection_of(members), BRUNO.as_actor())
    db.session.commit()
    assert call("GET", f"{URL}{kept.id}").status_code == 404
    assert call("GET", URL).get_json()["results"] == []


def test_a_repeated_request_runs_once(call, members):
    first = call("POST", URL, to_active(), Idempotency_Key="night-1")
    again = call("POST", URL, to_active(), Idempotency_Key="night-1")
    assert (first.status_code, first.get_json()) == (again.status_code, again.get_json())
    assert (operations(), db.session.scalar(select(func.count(Job.id)))) == (1, 1)

    other = call("POST", URL, to_active(answers={"status": "Pending"}), Idempotency_Key="night-1")
    assert (other.status_code, operations()) == (422, 1)
    assert statuses(members) == ["Active"] * 3

    assert call("POST", URL, to_active(), Idempotency_Key="night-2").status_code == 201
    assert call("POST", URL, to_active(), ALICIA, Idempotency_Key="night-1").status_code == 201
    assert call("POST", URL, to_active(), Idempotency_Key="x" * 201).status_code == 400
    assert operations() == 3


def test_a_repeated_request_is_answered_even_if_its_rows_left_the_scope(call, members):
    sent = to_active(filter=None, ids=[contact.id for contact in members])
    first = call("POST", URL, sent, Idempotency_Key="one")
    members[0].entity = the_entity("Sur")
    db.session.commit()
    again = call("POST", URL, sent, Idempotency_Key="one")
    assert (again.status_code, again.get_json()) == (201, first.get_json())


def test_errors_are_in_the_requested_language(call, members):
    reply = call("POST", URL, to_active(answers={"status": ""}), Accept_Language="es")
    assert reply.get_json()["fields"] == {"answers.status": ["Este campo es obligatorio."]}
    told = call("POST", URL, to_active(dry_run=True), Accept_Language="es").get_json()
    assert told["sample"][0]["changes"][0]["old"] == "Pendiente"


@pytest.mark.parametrize(
    "query",
    ["size=10", "before=x", "foo=1", "after=1", "size=abc", "before=-1", "before=99999999999"],
)
def test_wrong_query_parameters_are_refused(query, call, session):
    assert call("GET", f"{URL}?{query}").status_code == 400


def test_operations_are_paged_newest_first(call, session):
    made = [an_operation(BRUNO.user).id for _n in range(30)]
    url, found = URL, []
    while url:
        page = call("GET", url).get_json()
        found += [one["operation"] for one in page["results"]]
        url = page["next"]
    assert found == made[::-1]


def test_actions_list_their_fields_and_where_the_choices_are(call, session):
    found = {
        one["action"]: one
        for one in call("GET", "/api/v1/actions/", who=ALICIA).get_json()["results"]
    }
    status = found["change-status"]["fields"][0]
    active = the_value(Status, "Active")
    assert {"value": active.id, "label": "Active"} in status["choices"]
    assert (status["kind"], status["may_be_none"], status["choices_at"]) == ("link", True, None)
    assert found["change-entity"]["fields"][0]["choices"] is None
    assert found["delete"]["is_dangerous"] is True
    rights = found["change-rights"]["fields"][0]
    assert [choice["value"] for choice in rights["choices"]] == ["", "forbidden", "read", "edit"]


def test_only_json_of_limited_size_is_accepted(client_as, session):
    browser, key = client_as(None), api_key_header(BRUNO.user.id)
    for body, kind, status in (
        (b"{}", "text/plain", 415),
        (b"{", "application/json", 400),
        (b'{"ids": [' + b"1," * 600_000 + b"1]}", "application/json", 413),
    ):
        reply = browser.post(URL, data=body, headers=key | {"Content-Type": kind})
        assert (reply.status_code, set(reply.get_json())) == (status, {"error", "fields"})


def test_the_api_page_describes_operations(client_as):
    page = client_as(BRUNO).get("/account/api/").text
    assert "POST /api/v1/operations/{id}/undo" in page
