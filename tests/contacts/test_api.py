"""The API of contacts: values are validated as in forms, and changes are logged."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import func, select

from app.contacts.models import Contact, ContactType, Tag
from app.extensions import db
from app.log.models import LogEntry
from app.trash.services import move_to_trash
from tests.factories import a_contact, an_account, some_contacts, the_value
from tests.people import ALICIA, BRUNO, CLARA, api_key_header

URL = "/api/v1/contacts/"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def program(client_as):
    """Give Bruno's program: ``program("GET", URL)``."""
    browser, key = client_as(None), api_key_header(BRUNO.user.id)

    def ask(method: str, url: str, json=None, headers=None, **more):
        return browser.open(url, method=method, json=json, headers=key | (headers or {}), **more)

    return ask


def entries(contact_id: int) -> list[LogEntry]:
    query = select(LogEntry).where(
        LogEntry.subject_type == "contact", LogEntry.subject_id == contact_id
    )
    return list(db.session.scalars(query.order_by(LogEntry.id)))


def test_a_contact_is_created_read_changed_and_trashed(program):
    kind, tag = the_value(ContactType, "Member"), the_value(Tag, "To be completed")
    sent = {
        "first_name": "Begoña", "last_name": "Íñiguez", "type": {"id": kind.id}, "tags": [tag.id],
        "phone": "944 123 456", "birth_date": "1980-02-29", "province": "Bizkaia",
    }  # fmt: skip
    made = program("POST", URL, sent)
    row = made.get_json()
    assert made.status_code == 201
    assert made.headers["Location"] == f"{URL}{row['id']}"
    assert row["type"] == {"id": kind.id, "label": "Member"}
    assert row["tags"] == [{"id": tag.id, "label": "To be completed"}]
    assert (row["phone"], row["birth_date"], row["province"]) == (
        "+34944123456", "1980-02-29", "ES-BI",
    )  # fmt: skip
    assert row["entity"]["label"] == "Norte"

    changed = program("PATCH", f"{URL}{row['id']}", {"tags": [], "type": None, "version": 1})
    assert (changed.get_json()["tags"], changed.get_json()["type"]) == ([], None)
    assert changed.get_json()["last_name"] == "Íñiguez"

    assert program("DELETE", f"{URL}{row['id']}").status_code == 204
    assert program("GET", f"{URL}{row['id']}").status_code == 404


def test_the_log_names_the_user_the_api_key_and_the_channel(program):
    made = program("POST", URL, {"last_name": "Ruiz"}).get_json()
    program("PATCH", f"{URL}{made['id']}", {"last_name": "Ruiz Gil", "version": 1})
    program("DELETE", f"{URL}{made['id']}")

    told = entries(made["id"])

    assert [entry.event for entry in told] == ["created", "changed", "trashed"]
    assert {(e.actor_id, e.actor_name, e.channel) for e in told} == {
        (BRUNO.user.id, "Bruno García · Tests", "api")
    }
    assert told[1].changes["last_name"] == ["Ruiz", "Ruiz Gil"]


@pytest.mark.parametrize("way", ["body", "header"])
def test_a_stale_change_is_refused_with_the_current_row(way, program):
    contact = a_contact(last_name="Ruiz")
    url = f"{URL}{contact.id}"
    program("PATCH", url, {"last_name": "Gil", "version": 1})

    sent = {"last_name": "Sanz"} | ({"version": 1} if way == "body" else {})
    late = program("PATCH", url, sent, {"If-Match": '"1"'} if way == "header" else {})
    too_late = program("DELETE", url, headers={"If-Match": '"1"'})

    assert (late.status_code, too_late.status_code) == (409, 409)
    assert late.get_json()["current"]["last_name"] == "Gil"
    assert program("GET", url).get_json()["version"] == 2
    assert program("DELETE", url, headers={"If-Match": "2"}).status_code == 204


@pytest.mark.parametrize("version", [None, "1", True, 1.5, [], "x"])
def test_a_change_without_a_version_is_refused(version, program):
    contact = a_contact(last_name="Ruiz")
    sent = {"last_name": "Sanz"} | ({} if version is None else {"version": version})
    reply = program("PATCH", f"{URL}{contact.id}", sent)
    assert reply.status_code == 422
    assert "version" in reply.get_json()["fields"]
    assert db.session.get(Contact, contact.id).last_name == "Ruiz"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "no"), ("email", 5), ("last_name", ""), ("last_name", None), ("last_name", 1),
        ("last_name", "x" * 121), ("birth_date", "29/02/1980"), ("birth_date", ""), ("birth_date", "2023-02-29"),
        ("phone", "abc"), ("language", "fr"), ("language", "Spanish"), ("language", ""),
        ("country", "Narnia"), ("tags", 1), ("tags", None), ("tags", [None]), ("tags", [[1]]),
        ("tags", list(range(1, 600))), ("salutation", ["mr"]), ("type", {"name": "Member"}),
        ("notes", {"a": 1}), ("entity", None),
    ],
)  # fmt: skip
def test_an_invalid_value_is_reported_for_its_field(field, value, program):
    before = db.session.scalar(select(func.count(Contact.id)))
    reply = program("POST", URL, {"last_name": "Ruiz", field: value})
    assert reply.status_code == 422
    assert list(reply.get_json()["fields"]) == [field]
    assert db.session.scalar(select(func.count(Contact.id))) == before


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"{", 400), (b"[]", 400), (b"null", 400), (b'"a"', 400), (b"\xff\xfe", 400),
        (b'{"last_name": NaN}', 400), (b"[" * 100_000, 400), (b'{"a":' * 50_000, 400),
        (b'{"last_name": "A", "last_name": "B"}', 400), (b"1" * 5_000, 400),
        (b'{"last_name": "' + b"a" * 1_100_000 + b'"}', 413),
        (b'{"type": 99999999999999999999, "last_name": "A"}', 422),
        (b'{"last_name": "A", "\\u0000\\ud800": 1}', 422),
        (b'{"last_name": "\\u0000\\ud800 \\u202e"}', 422),
        (b'{"last_name": "A\\u0000\\ud800", "tags": []}', 201),
    ],
    ids=range(16),
)  # fmt: skip
def test_a_hostile_request_body_never_causes_a_server_error(body, status, program):
    reply = program("POST", URL, data=body, headers=JSON)
    assert reply.status_code == status
    if status != 201:
        assert set(reply.get_json()) == {"error", "fields"}
        assert " " in reply.get_json()["error"]


def test_only_json_is_accepted(program):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        reply = program("POST", URL, data=b"{}", headers={"Content-Type": kind})
        assert reply.status_code == 415


def test_errors_and_labels_are_in_the_requested_language(program):
    kind = the_value(ContactType, "Member")
    contact = a_contact(type=kind)
    spanish = {"Accept-Language": "es"}
    assert program("GET", f"{URL}{contact.id}", headers=spanish).get_json()["type"]["label"] == (
        "Miembro"
    )
    wrong = program("POST", URL, {"last_name": "A", "email": "no"}, spanish).get_json()
    assert "no es una dirección de correo" in wrong["fields"]["email"][0]


def test_pages_contain_every_row_exactly_once(program):
    some_contacts(60)
    url, numbers = f"{URL}?size=25&sort=-number&q=peña", []
    while url:
        page = program("GET", url).get_json()
        numbers += [row["number"] for row in page["results"]]
        url = page["next"]
    assert page["count"] == 60
    assert numbers == sorted(numbers, reverse=True)
    assert len(set(numbers)) == 60


def test_a_list_is_filtered_as_in_the_back_office(program):
    ours = a_contact(birth_date=None, city="Bilbao")
    a_contact(city="Gijón")
    page = program("GET", f"{URL}?city__contains=bilb&birth_date__empty=1").get_json()
    assert [row["id"] for row in page["results"]] == [ours.id]


def test_a_link_out_of_scope_reads_as_null_and_survives_being_sent_back(program):
    hidden = an_account("Sur", name="Astilleros")
    contact = a_contact(account=hidden)
    url = f"{URL}{contact.id}"

    read = program("GET", url)
    program("PATCH", url, {"account": None, "city": "Bilbao", "version": 1})

    assert read.get_json()["account"] is None
    assert "Astilleros" not in read.text
    db.session.expire_all()
    assert db.session.get(Contact, contact.id).account_id == hidden.id


def test_a_row_out_of_scope_does_not_change_any_response(program):
    """The oracle: whatever becomes of a row out of reach, every answer stays the same."""
    hidden, manager = a_contact("Sur", last_name="Secreta"), a_contact()
    asked = [
        f"{URL}?q=secreta", f"{URL}?last_name__starts=sec", f"{URL}?manager__is={hidden.id}",
        f"{URL}?sort=-email", f"{URL}{hidden.id}", f"{URL}?email__contains=oculto",
    ]  # fmt: skip
    before = [program("GET", url).text for url in asked]
    hidden.last_name, hidden.email, hidden.manager = "Visible", "oculto@example.org", manager
    db.session.commit()
    assert [program("GET", url).text for url in asked] == before


def test_the_key_of_a_user_who_may_only_read_changes_nothing(client_as):
    contact = a_contact()
    browser, key = client_as(None), api_key_header(CLARA.user.id)
    url = f"{URL}{contact.id}"
    assert browser.get(url, headers=key).status_code == 200
    told = {
        browser.patch(url, headers=key, json={"version": 1}).status_code,
        browser.delete(url, headers=key).status_code,
        browser.post(URL, headers=key, json={"last_name": "A"}).status_code,
    }
    assert told == {403}


@pytest.mark.parametrize("is_trashed", [False, True], ids=["alive", "trashed"])
@pytest.mark.parametrize("model", [ContactType, Tag], ids=["one", "many"])
def test_a_value_in_use_cannot_be_deleted_by_page_or_api(client_as, model, is_trashed):
    """Deleting it would remove it from contacts without a log entry."""
    value = the_value(model, "Member" if model is ContactType else "To be completed")
    contact = a_contact(type=value) if model is ContactType else a_contact(tags=[value])
    label = str(value)
    if is_trashed:
        move_to_trash(contact, BRUNO.as_actor())
        db.session.commit()
    rows = "items in the trash or that you don’t have access to" if is_trashed else "1 contact"
    text = f"“{label}” can’t be deleted. It is used by: {rows}."
    name = "contact-types" if model is ContactType else "tags"
    page = client_as(ALICIA).post(f"/{name}/delete/{value.id}", follow_redirects=True)
    assert text in page.text
    key = api_key_header(ALICIA.user.id)
    reply = client_as(None).delete(f"/api/v1/{name}/{value.id}", headers=key)
    assert reply.status_code == 409
    assert json.loads(reply.text)["error"] == text
    db.session.expire_all()
    assert contact.tags == [value] or contact.type == value


def test_a_member_number_in_use_is_reported_for_its_field(program):
    a_contact(number="X1")
    reply = program("POST", URL, {"last_name": "A", "number": "X1"})
    assert (reply.status_code, list(reply.get_json()["fields"])) == (422, ["number"])
