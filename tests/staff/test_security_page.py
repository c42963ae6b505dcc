"""The security page: events, live sessions, findings."""

from __future__ import annotations

import re

import pytest
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import select

from app.checks import ADVICE, DANGER, CheckMessage
from app.extensions import db
from app.log.models import SECURITY_EVENTS, LogEntry
from app.log.sealing import Sealer
from app.log.security_events import (
    FAILED_LOGIN_EVENTS,
    RIGHTS_EVENTS,
    count_security_events,
    security_events_page,
)
from app.log.services import record_security_event
from app.security.actor import NOBODY, acting_as
from app.security.models import SignInSession
from app.security.sessions import create_session
from app.staff.views import security
from tests.factories import the_entity
from tests.people import ALICIA, BRUNO, CLARA, DIEGO, Person, add_person, force_login

SPANISH = {"Accept-Language": "es"}


@pytest.fixture(autouse=True)
def _checks_found_nothing(monkeypatch):
    monkeypatch.setattr(security, "_findings", lambda app, session: [])


def write_events(how_many: int) -> None:
    bruno, alicia = BRUNO.user, ALICIA.as_actor()
    session = db.session()
    for number in range(how_many):
        record_security_event(
            session, "sign_in_failed", NOBODY, about=bruno.id, name=str(bruno),
            address=f"192.0.2.{number % 9}",
        )  # fmt: skip
        record_security_event(
            session, "signed_in", bruno.as_actor(), about=bruno.id, name=str(bruno)
        )
        record_security_event(
            session, "rights_changed", alicia, about=bruno.id, name=str(bruno), roles=("A", "B")
        )
        record_security_event(session, "exported", bruno.as_actor(), name="Contacts", rows=7)
        record_security_event(
            session, "out_of_reach", bruno.as_actor(), name="Contacts", rows=2, action="delete"
        )
        create_session(
            session, SignInSession, bruno.id, address="192.0.2.1", agent="Firefox/140 Windows"
        )
    session.commit()


def count_shown(page: str) -> int:
    return page.count('<li class="fact">')


@pytest.mark.parametrize("part", security.SECTIONS)
def test_every_section_opens_empty_and_full_in_both_languages(client_as, part):
    browser = client_as(ALICIA)
    for _round in range(2):
        for language in ("en", "es"):
            reply = browser.get(f"/security/?part={part}", headers={"Accept-Language": language})
            assert reply.status_code == 200
        write_events(2)
    assert count_shown(reply.text) >= 2


def test_a_section_shows_its_own_events_and_links_to_the_rows(client_as):
    write_events(1)
    browser = client_as(ALICIA)
    page = browser.get("/security/?part=rights").text
    assert "rights changed" in page
    assert "sign-in failed" not in page
    assert "<del>A</del>" in page
    assert "<ins>B</ins>" in page
    assert f"/users/show/{BRUNO.user.id}" in page
    page = browser.get("/security/?part=exports").text
    assert re.search(r"Bruno García</a></b> · exported · Contacts", page)


def test_a_change_of_rights_shows_old_and_new_values(client_as):
    with acting_as(ALICIA.as_actor()):
        bruno, south = BRUNO.user, the_entity("Sur")
        roles = [the_role("Contacts: read"), the_role("Settings: read")]
        bruno.roles, bruno.entity = roles, south
        db.session.commit()
        role = Role(name="Secretaries", permissions=the_role("Contacts: read").permissions[:3])
        db.session.add(role)
        db.session.commit()
        role.permissions = role.permissions[:1]
        role.needs_second_factor = True
        db.session.commit()
    changes = {
        fact.event: fact.changes
        for fact in db.session.scalars(select(LogEntry).where(LogEntry.event.in_(RIGHTS_EVENTS)))
    }
    assert changes == {
        "rights_changed": {
            "roles": ["Contacts: edit", "Contacts: read, Settings: read"],
            "entity": ["Norte", "Sur"],
        },
        "role_changed": {"permissions": [3, 1], "needs_second_factor": [None, True]},
    }
    assert re.search(
        r"Permissions</span>\s+2 removed", client_as(ALICIA).get("/security/?part=rights").text
    )
    page = client_as(ALICIA).get("/security/?part=rights", headers=SPANISH).text
    assert "<del>Contactos: Editar</del>" in page
    assert "<ins>Contactos: Ver, Configuración: Ver</ins>" in page


def the_role(name: str) -> Role:
    return db.session.scalars(select(Role).where(Role.name == name)).one()


def test_names_are_escaped(client_as):
    record_security_event(
        db.session(), "sign_in_failed", NOBODY, name="<script>alert(1)</script>", address="<b>"
    )
    page = client_as(ALICIA).get("/security/").text
    assert "<script>alert" not in page
    assert "<b></span>" not in page


def test_paging_loses_nothing(client_as, monkeypatch):
    write_events(7)
    monkeypatch.setattr(security, "PAGE_SIZE", 3)
    browser = client_as(ALICIA)
    for part, expected in (("failed", 7), ("rights", 7), ("sessions", 8)):
        seen, address = 0, f"?part={part}"
        while address:
            page = browser.get(f"/security/{address}").text
            seen += count_shown(page)
            older = re.search(r'href="(\?part=\w+&amp;before=\d+)', page)
            address = older and older[1].replace("&amp;", "&")
        assert seen == expected


def test_paging_merges_several_events_in_order(session):
    write_events(5)
    page, older = security_events_page(
        db.session(), RIGHTS_EVENTS + FAILED_LOGIN_EVENTS, None, limit=4
    )
    ids = [fact.id for fact in page]
    assert ids == sorted(ids, reverse=True)
    rest, end = security_events_page(
        db.session(), RIGHTS_EVENTS + FAILED_LOGIN_EVENTS, None, before=older, limit=100
    )
    assert len(page) + len(rest) == 10
    assert end is None


def test_the_counts_match_the_log(session):
    write_events(12)
    counts = count_security_events(db.session(), None)
    assert counts == {
        "failed_day": 12, "failed_week": 12, "accounts": 1, "addresses": 9,
        "rights_month": 12, "exports_month": 12,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("language", "one", "two"),
    [
        (
            "en",
            "1 in 7 days · Users: 1 · IP addresses: 1",
            "2 in 7 days · Users: 2 · IP addresses: 2",
        ),
        (
            "es",
            "1 en 7 días · Usuarios: 1 · Direcciones IP: 1",
            "2 en 7 días · Usuarios: 2 · Direcciones IP: 2",
        ),
    ],
)
def test_one_account_is_counted_in_the_same_words_as_several(client_as, language, one, two):
    browser = client_as(ALICIA)
    for number, (user, sentence) in enumerate([(BRUNO.user, one), (CLARA.user, two)]):
        record_security_event(
            db.session(), "sign_in_failed", NOBODY, about=user.id, name=str(user),
            address=f"192.0.2.{number}",
        )  # fmt: skip
        db.session.commit()
        page = browser.get("/security/", headers={"Accept-Language": language}).text
        assert f'<p class="mute">{sentence}</p>' in page


def test_an_export_is_described_in_the_language_of_whoever_reads_of_it(client_as):
    exporter, reader = client_as(BRUNO), client_as(ALICIA)
    exporter.post("/contacts/export.csv?city__contains=Bilbao&cols=city", headers=SPANISH).close()
    details = {
        language: reader.get("/security/?part=exports", headers={"Accept-Language": language}).text
        for language in ("en", "es")
    }
    for language, filtered, columns in (
        ("en", "City contains Bilbao", "Member number, First name, Last name, City"),
        ("es", "Localidad contiene Bilbao", "Número de miembro, Nombre, Apellidos, Localidad"),
    ):
        assert filtered in details[language]
        assert columns in details[language]
        assert "city__contains" not in details[language]


def test_the_page_takes_a_fixed_number_of_statements(client_as, counting):
    browser = client_as(ALICIA)
    for part in security.SECTIONS:
        write_events(1)
        with counting() as few:
            assert browser.get(f"/security/?part={part}").status_code == 200
        write_events(60)
        with counting() as many:
            assert browser.get(f"/security/?part={part}").status_code == 200
        assert len(many) == len(few)
        assert len(many) <= 12, many


def test_a_session_can_be_ended_and_it_is_logged(client_as, app):
    other = app.test_client()
    force_login(other, BRUNO.user.id)
    row = db.session.scalars(
        select(SignInSession).where(SignInSession.user_id == BRUNO.user.id)
    ).one()
    assert other.get("/contacts/list/").status_code == 200
    reply = client_as(ALICIA).post(f"/security/end/{row.id}")
    assert reply.location.endswith("/security/?part=sessions")
    assert other.get("/contacts/list/").status_code == 302
    fact = db.session.scalars(select(LogEntry).where(LogEntry.event == "sessions_ended")).one()
    assert (fact.actor_name, fact.subject_id) == ("Alicia García", BRUNO.user.id)
    assert client_as(ALICIA).post(f"/security/end/{row.id}").status_code == 404


def test_an_administrator_of_an_entity_sees_that_entity_only(client_as):
    north = Person("elena", "Norte", "Admin")
    add_person(north)
    write_events(1)
    record_security_event(
        db.session(), "signed_in", ALICIA.as_actor(), about=ALICIA.user.id, name="Alicia García"
    )
    row = create_session(db.session(), SignInSession, ALICIA.user.id)
    alicias = db.session.scalars(
        select(SignInSession.id).where(SignInSession.user_id == ALICIA.user.id)
    ).first()
    assert row
    browser = client_as(north)
    page = browser.get("/security/?part=all").text
    assert "Bruno García" in page
    assert "signed in · Alicia" not in page
    assert count_shown(browser.get("/security/?part=signins").text) == 1
    assert "Alicia" not in browser.get("/security/?part=sessions").text
    assert browser.post(f"/security/end/{alicias}").status_code == 404


@pytest.mark.parametrize("person", [BRUNO, CLARA, DIEGO], ids=lambda person: person.name)
def test_only_administrators_open_it(client_as, person):
    browser = client_as(person)
    for reply in (
        browser.get("/security/"), browser.post("/security/check"), browser.post("/security/end/1"),
    ):  # fmt: skip
        assert reply.status_code in (302, 403)
        assert "security" not in (reply.location or "")


@pytest.mark.parametrize("query", ["part=nope", "part=all&before=x", "before=99999999999"])
def test_an_invalid_url_is_a_404(client_as, query):
    assert client_as(ALICIA).get(f"/security/?{query}").status_code == 404


def test_findings_are_at_the_top_and_advice_is_folded(client_as, monkeypatch):
    found = [
        CheckMessage(DANGER, "Bad <thing>", "Mend it"),
        CheckMessage(ADVICE, "Better", "Do it"),
    ]
    monkeypatch.setattr(security, "_findings", lambda app, session: found)
    page = client_as(ALICIA).get("/security/").text
    assert "1 issue to fix" in page
    assert "Bad &lt;thing&gt;" in page
    assert page.index("Bad &lt;") < page.index("1 recommendation") < page.index("Better")


def test_the_checks_run_again_on_request(app, client_as, monkeypatch):
    monkeypatch.undo()
    made = []
    monkeypatch.setattr(security, "run_checks", lambda app, session: made.append(1) or [])
    app.extensions.pop("findings", None)
    browser = client_as(ALICIA)
    browser.get("/security/")
    browser.get("/security/")
    assert len(made) == 1
    browser.post("/security/check")
    browser.get("/security/")
    assert len(made) == 2
    app.extensions.pop("findings", None)


def test_it_says_how_far_the_log_is_sealed(client_as, app, session):
    alicia = client_as(ALICIA)
    assert "The log is not sealed yet." in alicia.get("/security/").text
    Sealer().run(db.session())
    page = alicia.get("/security/").text
    assert "The log is sealed up to entry" in page
    assert "not sealed yet" not in page
    write_events(3)
    assert re.search(r"\d newer entries aren’t sealed yet", alicia.get("/security/").text)


def test_every_security_event_has_a_section():
    told = {event for _label, events in security.SECTIONS.values() for event in events}
    assert told == set(SECURITY_EVENTS)
