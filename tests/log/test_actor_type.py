"""The log says of which kind an actor is, and pages show it."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, select

from app.crud.tabs import actor_label
from app.extensions import db
from app.log.models import LogEntry
from app.log.security_events import security_events_page
from app.log.services import record_security_event
from app.security.actor import NOBODY, SYSTEM, ActorKind, acting_as, contact_actor
from app.staff.models import StaffUser
from app.types import now
from tests.factories import a_contact
from tests.people import ALICIA, BRUNO

ANA = contact_actor(7, "Ana Ruiz")


def last_entry() -> LogEntry:
    return db.session.scalars(select(LogEntry).order_by(LogEntry.id.desc()).limit(1)).one()


def changed_by(actor) -> LogEntry:
    contact = a_contact()
    with acting_as(actor):
        contact.last_name = "Peña"
        db.session.flush()
    db.session.commit()
    return last_entry()


def test_an_entry_says_of_which_kind_its_actor_is(session):
    bruno = BRUNO.as_actor()
    actors = (bruno, ANA, NOBODY, SYSTEM)
    found = [(e.actor_type, e.actor_id, e.actor_name) for e in map(changed_by, actors)]
    assert found == [
        ("staff", bruno.id, bruno.name),
        ("contact", 7, "Ana Ruiz"),
        ("visitor", None, ""),
        ("system", None, "Padrón"),
    ]


@pytest.mark.parametrize(
    ("actor_id", "name", "kind"),
    [(1, "Alicia", ActorKind.STAFF), (None, "Padrón", "system"), (None, "", "visitor")],
)
def test_the_kind_in_an_older_entry_is_implied(session, actor_id, name, kind):
    row = {"at": now(), "actor_id": actor_id, "actor_name": name, "channel": "web"}
    row |= {"event": "changed", "subject_type": "contact", "subject_id": 1, "subject_name": ""}
    session.execute(insert(LogEntry), [row])
    assert last_entry().actor_kind == kind


def test_the_log_of_a_row_names_a_contact_as_one(session, client_as):
    entry = changed_by(ANA)
    page = client_as(ALICIA).get(f"/contacts/show/{entry.subject_id}?tab=log").text
    assert '<b>Ana Ruiz</b> <span class="mute">(contact)</span>' in page


def test_who_may_not_see_the_names_of_users_sees_no_name_of_a_contact_either(session, client_as):
    entry = changed_by(ANA)
    with acting_as(BRUNO.as_actor()):
        assert actor_label(entry, names=False) == "A contact"
        assert actor_label(changed_by(NOBODY), names=False) == "A visitor"
        assert actor_label(changed_by(SYSTEM), names=False) == "Padrón"


def test_a_contact_with_the_id_of_a_user_is_not_taken_for_the_user(session, client_as):
    bruno = BRUNO.user
    record_security_event(session, "signed_in", contact_actor(bruno.id, "Ana Ruiz"))
    record_security_event(session, "signed_in", BRUNO.as_actor())
    session.commit()
    people = select(StaffUser.id).where(StaffUser.id == bruno.id)
    found, _older = security_events_page(session, ("signed_in",), people)
    assert [entry.actor_name for entry in found] == [bruno.get_full_name()]

    page = client_as(ALICIA).get("/security/?part=signins").text
    assert "<b>Ana Ruiz (contact)</b>" in page
    assert f'<a href="/users/show/{bruno.id}">Ana Ruiz</a>' not in page
