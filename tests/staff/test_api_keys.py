"""API keys: made with one's password, shown once, no stronger than their owner, ended at once."""

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
from tests.people import ALICIA, BRUNO, CLARA, DIEGO, Person, add_person, with_key

PASSWORD = "tortuga lámpara diecisiete"
NEW = "nube cuchara montaña quince"
LIST = "/api/v1/contacts/"
READ_CONTACTS = {Area.CONTACTS: Level.READ}


@pytest.fixture
def program(client_as):
    """Give a browser nobody is signed in with, as a program would be."""
    return client_as(None)


def make(browser, **more):
    person = {"name": "Website", "days": "365", "scope_contacts": "edit", "present": PASSWORD}
    return browser.post("/account/keys/", data=person | more)


def give_password(person: Person) -> None:
    person.user.password = hash_password(PASSWORD)
    db.session.commit()


def keys() -> list[ApiKey]:
    return list(db.session.scalars(select(ApiKey).order_by(ApiKey.id)))


def test_a_key_is_shown_once_and_works(client_as, program):
    give_password(BRUNO)
    bruno = client_as(BRUNO)

    page = make(bruno).text
    secret = re.search(r"padron_[\w-]{43}", page).group()

    assert secret not in bruno.get("/account/keys/").text
    assert secret not in str([vars(key) for key in keys()])
    reply = program.get(LIST, headers={"Authorization": f"Bearer {secret}"})
    assert reply.status_code == 200


def test_making_and_revoking_are_facts_of_the_log(client_as):
    give_password(BRUNO)
    bruno = client_as(BRUNO)
    make(bruno)
    bruno.post(f"/account/keys/{keys()[0].id}/revoke")

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
def test_no_key_is_made_without_password_name_or_a_scope_one_holds(client_as, wrong):
    give_password(BRUNO)
    assert make(client_as(BRUNO), **wrong).status_code == 422
    assert keys() == []


def test_a_scope_is_offered_only_as_far_as_one_holds_it(client_as):
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


def test_whoever_holds_nothing_makes_no_key(client_as):
    give_password(DIEGO)
    assert make(client_as(DIEGO)).status_code == 403


def test_after_a_few_wrong_passwords_the_right_one_does_not_help(client_as):
    give_password(BRUNO)
    bruno = client_as(BRUNO)
    for _try in range(5):
        make(bruno, present="guess guess guess")
    assert make(bruno).status_code == 422
    assert keys() == []


def test_a_revoked_key_ends_at_the_next_request(client_as, program):
    shown = with_key(BRUNO.user.id)
    assert program.get(LIST, headers=shown).status_code == 200
    client_as(BRUNO).post(f"/account/keys/{keys()[0].id}/revoke")
    assert program.get(LIST, headers=shown).status_code == 401


def test_a_key_ends_on_its_day(program):
    shown = with_key(BRUNO.user.id)
    db.session.execute(update(ApiKey).values(expires_on=now()))
    assert program.get(LIST, headers=shown).status_code == 401


def test_nobody_makes_a_key_for_more_than_two_years(session):
    far = now().replace(year=now().year + 50)
    key, _secret = make_key(db.session(), BRUNO.user.id, "Far", READ_CONTACTS, far)
    assert (key.expires_on - now()).days <= 731


@pytest.mark.parametrize("change", ["roles", "active", "trash", "left", "entity"])
def test_what_changes_for_the_owner_changes_for_the_key_at_the_next_request(
    change, program, session
):
    shown = with_key(BRUNO.user.id)
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


def test_a_key_opens_nothing_while_its_owner_lacks_the_second_factor_they_need(program, session):
    shown = with_key(BRUNO.user.id)
    role = BRUNO.user.roles[0]
    role.needs_second_factor = True
    db.session.commit()

    reply = program.get(LIST, headers=shown)

    assert reply.status_code == 401
    assert "two-factor" in reply.get_json()["error"]
    db.session.execute(update(Role).values(needs_second_factor=False))


def test_garbage_is_refused_like_any_key_that_is_not_valid(program):
    shown = with_key(BRUNO.user.id)
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


WRONG = {"Authorization": "Bearer padron_" + "a" * 43}


def wrong_keys() -> list[int]:
    """Return how many wrong keys the database knows of, by address."""
    found = select(AttemptCounter.count).where(AttemptCounter.key.like("api-key:%"))
    return list(db.session.scalars(found.order_by(AttemptCounter.count)))


def test_wrong_keys_are_counted_in_the_database_whatever_is_asked(program):
    program.get(LIST, headers=WRONG)
    program.post(LIST, headers=WRONG, json={})
    program.get(LIST, headers=WRONG, environ_base={"REMOTE_ADDR": "203.0.113.9"})
    program.get(LIST)
    assert wrong_keys() == [1, 2]


def test_a_right_key_counts_nothing_and_writes_nothing(program, counting):
    shown = with_key(BRUNO.user.id)
    with counting() as statements:
        assert program.get(LIST, headers=shown).status_code == 200
    assert [it for it in statements if it.startswith(("INSERT", "UPDATE", "DELETE"))] == []
    assert not any("attempt_counter" in it for it in statements)


@pytest.mark.parametrize("state", ["unknown", "revoked", "expired", "locked out"])
def test_every_wrong_key_gets_the_same_answer_for_the_same_work(state, program, counting):
    shown = with_key(BRUNO.user.id)
    if state == "unknown":
        shown = WRONG
    elif state == "locked out":
        BRUNO.user.active = False
    else:
        values = {"active": False} if state == "revoked" else {"expires_on": now()}
        db.session.execute(update(ApiKey).values(**values))
    db.session.commit()
    with counting() as statements:
        reply = program.get(LIST, headers=shown)
    assert (reply.status_code, wrong_keys()) == (401, [1])
    assert "Authorization: Bearer" in reply.get_json()["error"]
    # The key with its owner, how many there were, one more.
    assert len(statements) == 3, statements


def test_too_many_wrong_keys_from_one_address_are_told_to_wait(program, monkeypatch):
    monkeypatch.setattr("app.security.api_keys.MAX_WRONG_KEYS", 3)
    good, wrong = with_key(BRUNO.user.id), WRONG
    for _try in range(3):
        assert program.get(LIST, headers=wrong).status_code == 401

    reply = program.get(LIST, headers=wrong)
    elsewhere = program.get(LIST, headers=wrong, environ_base={"REMOTE_ADDR": "203.0.113.9"})

    assert reply.status_code == 429
    assert reply.headers["Retry-After"] == "900"
    assert elsewhere.status_code == 401
    # What is beyond the limit writes nothing, and a neighbour's program goes on.
    assert wrong_keys() == [1, 3]
    assert program.get(LIST, headers=good).status_code == 200


def test_when_a_key_was_last_used_is_written_by_a_chore_and_shown(app, client_as, program):
    shown = with_key(BRUNO.user.id)
    bruno = client_as(BRUNO)
    assert "never used" in bruno.get("/account/keys/").text
    program.get(LIST, headers=shown)
    assert keys()[0].last_used_on is None
    RecordLastUse().run(app)
    db.session.expire_all()
    assert keys()[0].last_used_on is not None
    assert "last used" in bruno.get("/account/keys/").text


def test_a_key_opens_no_page(program):
    reply = program.get("/contacts/list/", headers=with_key(ALICIA.user.id))
    assert reply.status_code == 302
    assert "/login/" in reply.location


def test_a_key_may_do_only_what_its_scopes_say_even_an_administrators(program):
    shown = with_key(ALICIA.user.id, {Area.CONTACTS: Level.READ, Area.SETTINGS: Level.EDIT})
    asked = {
        "read contacts": program.get(LIST, headers=shown).status_code,
        "add contacts": program.post(LIST, headers=shown, json={"last_name": "X"}).status_code,
        "add tags": program.post(
            "/api/v1/tags/", headers=shown, json={"label_en": "X"}
        ).status_code,
    }
    assert asked == {"read contacts": 200, "add contacts": 403, "add tags": 201}


def test_a_key_without_scopes_may_do_nothing(program):
    assert program.get(LIST, headers=with_key(ALICIA.user.id, {})).status_code == 403


def test_scopes_are_written_and_read_back():
    scopes = {Area.CONTACTS: Level.READ, Area.SETTINGS: Level.EDIT}
    assert parse_scopes(format_scopes(scopes)) == scopes
    assert parse_scopes("contacts:all nothing:read contacts settings:edit") == {
        Area.SETTINGS: Level.EDIT
    }
    assert parse_scopes(None) == {}


EDITS_SECURITY = role_name(Area.SECURITY, Level.EDIT)


def test_an_administrator_sees_and_ends_the_keys_of_somebody_below_them(client_as, program):
    shown = with_key(BRUNO.user.id)
    alicia = client_as(ALICIA)
    page = alicia.get(f"/users/show/{BRUNO.user.id}?tab=keys").text
    reply = alicia.post(f"/account/keys/{keys()[0].id}/revoke")

    assert "Tests" in page
    assert reply.location == f"/users/show/{BRUNO.user.id}?tab=keys"
    assert program.get(LIST, headers=shown).status_code == 401


def test_nobody_ends_the_key_of_somebody_above_them_or_elsewhere(client_as):
    for person in (Person("olga", "Norte", EDITS_SECURITY), Person("pablo", "Sur", ADMINISTRATOR)):
        add_person(person)
    olga, pablo = (Person(name, "", None) for name in ("olga", "pablo"))
    with_key(ALICIA.user.id)
    with_key(pablo.user.id)
    refused = {
        (who.name, key.user_id): client_as(who).post(f"/account/keys/{key.id}/revoke").status_code
        for who in (olga, BRUNO, CLARA)
        for key in keys()
    }
    assert set(refused.values()) == {404}
    # Within reach, and yet above.
    with_key(CLARA.user.id)
    quim = add_person(Person("quim", "Norte", ADMINISTRATOR))
    with_key(quim.id)
    assert client_as(olga).post(f"/account/keys/{keys()[-1].id}/revoke").status_code == 403
    assert all(key.active for key in keys())


def test_a_number_that_is_no_key_is_not_there(client_as):
    for number in (0, 999999, 99999999999999999999):
        assert client_as(ALICIA).post(f"/account/keys/{number}/revoke").status_code == 404
