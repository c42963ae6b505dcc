"""API keys: creation, scopes, authentication, throttling, revocation."""

from __future__ import annotations

import re

import pytest
from flask_appbuilder.security.sqla.models import ApiKey, Role
from sqlalchemy import select, update

from app.extensions import db
from app.log.models import LogEntry
from app.security.api_keys import format_scopes, make_key, parse_scopes
from app.security.areas import Area, Level
from app.security.models import AttemptCounter
from app.security.passwords import hash_password
from app.security.periodic import RecordLastUse
from app.security.rights import ADMINISTRATOR
from app.security.roles import role_name
from app.types import now
from tests.people import ALICIA, BRUNO, CLARA, DIEGO, Person, add_person, api_key_header

PASSWORD = "tortuga lámpara diecisiete"
NEW_PASSWORD = "nube cuchara montaña quince"
LIST = "/api/v1/contacts/"
READ_CONTACTS = {Area.CONTACTS: Level.READ}


@pytest.fixture
def program(client_as):
    """Return a client without a session, as a program has."""
    return client_as(None)


def create_key(browser, **more):
    person = {"name": "Website", "days": "365", "scope_contacts": "edit", "present": PASSWORD}
    return browser.post("/account/keys/", data=person | more)


def set_password(person: Person) -> None:
    person.user.password = hash_password(PASSWORD)
    db.session.commit()


def stored_keys() -> list[ApiKey]:
    return list(db.session.scalars(select(ApiKey).order_by(ApiKey.id)))


def test_a_key_is_shown_once_and_works(client_as, program):
    set_password(BRUNO)
    bruno = client_as(BRUNO)

    page = create_key(bruno).text
    secret = re.search(r"padron_[\w-]{43}", page).group()

    assert secret not in bruno.get("/account/keys/").text
    assert secret not in str([vars(key) for key in stored_keys()])
    reply = program.get(LIST, headers={"Authorization": f"Bearer {secret}"})
    assert reply.status_code == 200


def test_creating_and_revoking_a_key_are_logged(client_as):
    set_password(BRUNO)
    bruno = client_as(BRUNO)
    create_key(bruno)
    bruno.post(f"/account/keys/{stored_keys()[0].id}/revoke")

    entries = db.session.scalars(
        select(LogEntry).where(LogEntry.event.like("api_key%")).order_by(LogEntry.id)
    ).all()

    assert [entry.event for entry in entries] == ["api_key_made", "api_key_revoked"]
    assert {entry.subject_name for entry in entries} == {"Bruno García"}
    assert entries[0].changes["scopes"] == [None, "contacts:edit"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"present": "not it"}, {"present": ""}, {"name": ""}, {"name": "x" * 61},
        {"scope_contacts": ""}, {"scope_contacts": "all"}, {"days": "9999"},
        {"scope_contacts": "", "scope_settings": "edit"},
        {"scope_contacts": "", "scope_security": "read"},
    ],
)  # fmt: skip
def test_a_key_requires_password_name_and_a_scope_the_user_has(client_as, wrong):
    set_password(BRUNO)
    assert create_key(client_as(BRUNO), **wrong).status_code == 422
    assert stored_keys() == []


def test_scopes_are_offered_only_up_to_the_users_own_level(client_as):
    offered = {
        person.name: re.findall(
            r'<option[^>]*value="(read|edit)"', client_as(person).get("/account/keys/").text
        )
        for person in (ALICIA, BRUNO, CLARA, DIEGO)
    }
    assert offered == {
        "alicia": ["read", "edit"] * 3,
        "bruno": ["read", "edit"],
        "clara": ["read"],
        "diego": [],
    }


def test_a_user_without_permissions_cannot_create_a_key(client_as):
    set_password(DIEGO)
    assert create_key(client_as(DIEGO)).status_code == 403


def test_after_a_few_wrong_passwords_the_right_one_does_not_help(client_as):
    set_password(BRUNO)
    bruno = client_as(BRUNO)
    for _try in range(5):
        create_key(bruno, present="guess guess guess")
    assert create_key(bruno).status_code == 422
    assert stored_keys() == []


def test_a_revoked_key_ends_at_the_next_request(client_as, program):
    shown = api_key_header(BRUNO.user.id)
    assert program.get(LIST, headers=shown).status_code == 200
    client_as(BRUNO).post(f"/account/keys/{stored_keys()[0].id}/revoke")
    assert program.get(LIST, headers=shown).status_code == 401


def test_a_key_expires_on_its_date(program):
    shown = api_key_header(BRUNO.user.id)
    db.session.execute(update(ApiKey).values(expires_on=now()))
    assert program.get(LIST, headers=shown).status_code == 401


def test_no_key_is_valid_for_more_than_two_years(session):
    far = now().replace(year=now().year + 50)
    key, _secret = make_key(db.session(), BRUNO.user.id, "Far", READ_CONTACTS, far)
    assert (key.expires_on - now()).days <= 731


@pytest.mark.parametrize("change", ["roles", "active", "trash", "left", "entity"])
def test_changes_of_the_owner_apply_to_the_key_at_the_next_request(change, program, session):
    shown = api_key_header(BRUNO.user.id)
    user = BRUNO.user
    if change == "roles":
        user.roles = []
    elif change == "active":
        user.active = False
    elif change == "trash":
        user.trashed_at = now()
    elif change == "left":
        user.employed_until = now().date().replace(year=2020)
    else:
        user.entity_id = None
    db.session.commit()

    reply = program.get(LIST, headers=shown)

    assert reply.status_code == {"roles": 403, "entity": 200}.get(change, 401)
    if change == "entity":
        assert reply.get_json()["results"] == []


def test_a_key_is_refused_while_its_owner_lacks_a_required_second_factor(program, session):
    shown = api_key_header(BRUNO.user.id)
    role = BRUNO.user.roles[0]
    role.needs_second_factor = True
    db.session.commit()

    reply = program.get(LIST, headers=shown)

    assert reply.status_code == 401
    assert "two-factor" in reply.get_json()["error"]
    db.session.execute(update(Role).values(needs_second_factor=False))


def test_malformed_keys_are_refused_like_any_invalid_key(program):
    shown = api_key_header(BRUNO.user.id)
    db.session.execute(update(ApiKey).values(active=False))
    db.session.commit()
    good = shown["Authorization"].removeprefix("Bearer ")
    refused = {
        (reply.status_code, reply.text)
        for text in (
            f"Bearer {good}", f"Bearer {good[:-1]}", "Bearer padron_", "Bearer", "", "Basic YTpi",
            "Bearer " + "x" * 5000, "Bearer padron_" + "ñ" * 43, f"Bearer  {good} {good}",
            f"Token {good}",
        )
        for reply in [program.get(LIST, headers={"Authorization": text})]
    }  # fmt: skip
    assert len(refused) == 1
    assert next(iter(refused))[0] == 401


WRONG_KEY = {"Authorization": "Bearer padron_" + "a" * 43}


def wrong_key_counts() -> list[int]:
    """Return the stored counts of wrong keys."""
    found = select(AttemptCounter.count).where(AttemptCounter.key.like("api-key:%"))
    return list(db.session.scalars(found.order_by(AttemptCounter.count)))


def test_wrong_keys_are_counted_for_every_method(program):
    program.get(LIST, headers=WRONG_KEY)
    program.post(LIST, headers=WRONG_KEY, json={})
    program.get(LIST, headers=WRONG_KEY, environ_base={"REMOTE_ADDR": "203.0.113.9"})
    program.get(LIST)
    assert wrong_key_counts() == [1, 2]


def test_a_valid_key_counts_nothing_and_writes_nothing(program, counting):
    shown = api_key_header(BRUNO.user.id)
    with counting() as statements:
        assert program.get(LIST, headers=shown).status_code == 200
    assert [it for it in statements if it.startswith(("INSERT", "UPDATE", "DELETE"))] == []
    assert not any("attempt_counter" in it for it in statements)


@pytest.mark.parametrize("state", ["unknown", "revoked", "expired", "Access blocked"])
def test_every_invalid_key_gets_the_same_response_for_the_same_work(state, program, counting):
    shown = api_key_header(BRUNO.user.id)
    if state == "unknown":
        shown = WRONG_KEY
    elif state == "Access blocked":
        BRUNO.user.active = False
    else:
        values = {"active": False} if state == "revoked" else {"expires_on": now()}
        db.session.execute(update(ApiKey).values(**values))
    db.session.commit()
    with counting() as statements:
        reply = program.get(LIST, headers=shown | {"Accept-Language": "en"})
    assert (reply.status_code, wrong_key_counts()) == (401, [1])
    assert "Authorization: Bearer" in reply.get_json()["error"]
    # The key with its owner, how many there were, one more.
    assert len(statements) == 3, statements


def test_too_many_wrong_keys_from_one_address_are_throttled(program, monkeypatch):
    monkeypatch.setattr("app.security.api_keys.MAX_WRONG_KEYS", 3)
    good, wrong = api_key_header(BRUNO.user.id), WRONG_KEY
    for _try in range(3):
        assert program.get(LIST, headers=wrong).status_code == 401

    reply = program.get(LIST, headers=wrong)
    elsewhere = program.get(LIST, headers=wrong, environ_base={"REMOTE_ADDR": "203.0.113.9"})

    assert reply.status_code == 429
    assert reply.headers["Retry-After"] == "900"
    assert elsewhere.status_code == 401
    # What is beyond the limit writes nothing, and a neighbour's program goes on.
    assert wrong_key_counts() == [1, 3]
    assert program.get(LIST, headers=good).status_code == 200


def test_the_last_use_of_a_key_is_written_by_a_periodic_task_and_shown(app, client_as, program):
    shown = api_key_header(BRUNO.user.id)
    bruno = client_as(BRUNO)
    assert "never used" in bruno.get("/account/keys/").text
    program.get(LIST, headers=shown)
    assert stored_keys()[0].last_used_on is None
    RecordLastUse().run(app)
    db.session.expire_all()
    assert stored_keys()[0].last_used_on is not None
    assert "last used" in bruno.get("/account/keys/").text


def test_a_key_opens_no_page(program):
    reply = program.get("/contacts/list/", headers=api_key_header(ALICIA.user.id))
    assert reply.status_code == 302
    assert "/login/" in reply.location


def test_scopes_limit_even_an_administrators_key(program):
    shown = api_key_header(ALICIA.user.id, {Area.CONTACTS: Level.READ, Area.SETTINGS: Level.EDIT})
    asked = {
        "read contacts": program.get(LIST, headers=shown).status_code,
        "add contacts": program.post(LIST, headers=shown, json={"last_name": "X"}).status_code,
        "add tags": program.post(
            "/api/v1/tags/", headers=shown, json={"label_en": "X"}
        ).status_code,
    }
    assert asked == {"read contacts": 200, "add contacts": 403, "add tags": 201}


def test_a_key_without_scopes_may_do_nothing(program):
    assert program.get(LIST, headers=api_key_header(ALICIA.user.id, {})).status_code == 403


def test_scopes_are_written_and_read_back():
    scopes = {Area.CONTACTS: Level.READ, Area.SETTINGS: Level.EDIT}
    assert parse_scopes(format_scopes(scopes)) == scopes
    assert parse_scopes("contacts:all nothing:read contacts settings:edit") == {
        Area.SETTINGS: Level.EDIT
    }
    assert parse_scopes(None) == {}


EDITS_SECURITY = role_name(Area.SECURITY, Level.EDIT)


def test_an_administrator_can_revoke_the_keys_of_users_they_manage(client_as, program):
    shown = api_key_header(BRUNO.user.id)
    alicia = client_as(ALICIA)
    page = alicia.get(f"/users/show/{BRUNO.user.id}?tab=keys").text
    reply = alicia.post(f"/account/keys/{stored_keys()[0].id}/revoke")

    assert "Tests" in page
    assert reply.location == f"/users/show/{BRUNO.user.id}?tab=keys"
    assert program.get(LIST, headers=shown).status_code == 401


def test_keys_of_users_above_or_elsewhere_cannot_be_revoked(client_as):
    for person in (Person("olga", "Norte", EDITS_SECURITY), Person("pablo", "Sur", ADMINISTRATOR)):
        add_person(person)
    olga, pablo = (Person(name, "", None) for name in ("olga", "pablo"))
    api_key_header(ALICIA.user.id)
    api_key_header(pablo.user.id)
    refused = {
        (who.name, key.user_id): client_as(who).post(f"/account/keys/{key.id}/revoke").status_code
        for who in (olga, BRUNO, CLARA)
        for key in stored_keys()
    }
    assert set(refused.values()) == {404}
    # Within reach, and yet above.
    api_key_header(CLARA.user.id)
    quim = add_person(Person("quim", "Norte", ADMINISTRATOR))
    api_key_header(quim.id)
    assert client_as(olga).post(f"/account/keys/{stored_keys()[-1].id}/revoke").status_code == 403
    assert all(key.active for key in stored_keys())


def test_an_unknown_key_id_is_a_404(client_as):
    for number in (0, 999999, 99999999999999999999):
        assert client_as(ALICIA).post(f"/account/keys/{number}/revoke").status_code == 404
