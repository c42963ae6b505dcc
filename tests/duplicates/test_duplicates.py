"""The search for duplicates, its list, and what is remembered."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from app.contacts.models import Contact
from app.duplicates import jobs
from app.duplicates.models import DuplicateKey, DuplicatePair, LargeGroup
from app.duplicates.services import start_scan
from app.extensions import db
from app.jobs.models import Job
from app.jobs.runner import run_now
from app.trash.services import move_to_trash
from tests.contracts.fingerprint import changed_tables, fingerprint
from tests.factories import a_contact
from tests.people import ALICIA, BRUNO, CLARA, api_key_header

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("session")]
BORN = date(1980, 3, 2)


@pytest.fixture(autouse=True)
def _own_sample(monkeypatch):
    """Forget the surnames of earlier tests, whose jobs had the same ids."""
    monkeypatch.setattr(jobs, "_samples", {})


def scan() -> Job:
    job = start_scan(db.session(), ALICIA.as_actor())
    number = job.id
    db.session.commit()
    run_now(number)
    job = db.session.get_one(Job, number, populate_existing=True)
    assert (job.state, job.error) == ("done", "")
    return job


def two(entity="Norte", other="Norte", **shared):
    shared = {"last_name": "Zubizarreta Etxeberria", "email": "z@example.org"} | shared
    return a_contact(entity, **shared), a_contact(other, **shared)


def pairs(state="open"):
    query = select(DuplicatePair.low_id, DuplicatePair.high_id)
    return {tuple(row) for row in db.session.execute(query.where(DuplicatePair.state == state))}


def test_a_search_finds_each_pair_once_and_forgets_those_that_are_gone():
    one, other = two(birth_date=BORN, phone="+34911111111")
    family = a_contact(first_name="Luis", last_name=one.last_name, email=one.email)
    trashed = a_contact(last_name=one.last_name, email=one.email)
    move_to_trash(trashed, ALICIA.as_actor())
    db.session.commit()
    job = scan()
    assert pairs() == {(one.id, other.id)}
    assert job.done == job.total

    other.first_name = "Elena"
    db.session.commit()
    scan()
    assert pairs() == set()
    assert family.id not in {row_id for pair in pairs() for row_id in pair}


def test_two_who_were_told_apart_stay_so_until_what_was_compared_changes(client_as):
    one, other = two()
    scan()
    browser = client_as(BRUNO)
    browser.post(f"/duplicates/apart/{one.id}/{other.id}")
    one.notes = "Something that is not compared"
    db.session.commit()
    scan()
    assert (pairs(), pairs("not_duplicate")) == (set(), {(one.id, other.id)})
    assert "Told apart by" in browser.get("/duplicates/?state=not_duplicate").text

    other.birth_date = BORN
    db.session.commit()
    scan()
    assert pairs() == {(one.id, other.id)}


def test_too_many_who_share_an_address_are_reported_and_not_compared(client_as, monkeypatch):
    monkeypatch.setattr(jobs, "MAX_BLOCK", 3)
    for name in ("Alba", "Bueno", "Cid", "Durán"):
        a_contact(first_name=name, last_name=name, email="info@example.org")
    scan()
    assert pairs() == set()
    groups = db.session.scalars(select(LargeGroup)).all()
    assert [(group.kind, group.count) for group in groups] == [("email", 4)]
    assert "<b>4</b> info@example.org" in client_as(ALICIA).get("/duplicates/").text
    assert "info@example.org" not in client_as(BRUNO).get("/duplicates/").text


def test_a_pair_is_shown_to_who_sees_both(client_as):
    two("Norte", "Sur")
    scan()
    assert "Zubizarreta" in client_as(ALICIA).get("/duplicates/").text
    assert "Zubizarreta" not in client_as(BRUNO).get("/duplicates/").text
    assert "1 possible duplicate" in client_as(ALICIA).get("/").text
    assert "possible duplicate" not in client_as(BRUNO).get("/").text


def test_the_list_is_filtered_by_reason_and_has_pages(client_as, monkeypatch):
    monkeypatch.setattr("app.duplicates.views.PAGE_SIZE", 1)
    two()
    two(email=None, phone="+34911111111", last_name="Goikoetxea Urrutia")
    scan()
    browser = client_as(BRUNO)
    first = browser.get("/duplicates/").text
    assert ("Zubizarreta" in first, "Goikoetxea" in first) == (True, False)
    after = first.partition("after=")[2].partition('"')[0]
    assert "Goikoetxea" in browser.get(f"/duplicates/?after={after}").text
    assert "Goikoetxea" in browser.get("/duplicates/?reason=2").text
    assert browser.get("/duplicates/?reason=3").status_code == 400


def test_each_chunk_of_a_search_may_be_done_by_another_worker():
    found = [two(email=f"{n}@example.org", last_name=f"Goikoetxea Urrutia{n}") for n in range(3)]
    job = start_scan(db.session(), ALICIA.as_actor())
    is_last, steps = False, 0
    while not is_last:
        # After each chunk its worker is killed: another one knows the cursor alone.
        worker = jobs.DuplicateScan()
        worker.begin(db.session(), job)
        step = worker.step(db.session(), job, 2)
        assert step.cursor > job.cursor
        job.cursor, is_last, steps = step.cursor, step.is_last, steps + 1
        db.session.commit()
    assert pairs() == {(one.id, other.id) for one, other in found}
    assert steps > 6
    assert db.session.scalars(select(DuplicateKey)).all() == []


def test_nobody_tells_apart_what_they_do_not_see_or_may_not_edit(client_as, connection):
    one, other = two("Norte", "Sur")
    own = two("Norte", "Norte", email="own@example.org")
    scan()
    bruno, clara = client_as(BRUNO), client_as(CLARA)
    before = fingerprint(connection)
    assert bruno.post(f"/duplicates/apart/{one.id}/{other.id}").status_code == 404
    assert clara.post(f"/duplicates/apart/{own[0].id}/{own[1].id}").status_code == 403
    assert clara.post("/duplicates/scan").status_code == 403
    assert changed_tables(before, fingerprint(connection)) == []


# While typing


def hint(browser, **typed):
    reply = browser.post("/duplicates/alike", data=typed)
    assert reply.status_code == 200
    return reply.text


def test_who_types_a_contact_is_told_of_one_that_is_there_already(client_as):
    contact = a_contact(
        last_name="Zubizarreta", email="z@example.org", mobile="+34622222222", birth_date=BORN
    )
    foreign = a_contact("Sur", last_name="Goikoetxea", email="g@example.org")
    browser = client_as(BRUNO)
    link = f"/contacts/show/{contact.id}"
    assert link in hint(browser, email="z@example.org")
    assert link in hint(browser, mobile="622 22 22 22")
    assert link in hint(browser, first_name="Ana", last_name="Zubizarreta")
    assert link in hint(
        browser, first_name="Anna", last_name="Zubizareta", birth_date="02/03/1980"
    )
    # A family shares an address; somebody else's file is nobody's business.
    assert hint(browser, first_name="Luis", last_name="Zubizarreta", email="z@example.org") == ""
    assert hint(browser, email=foreign.email) == ""
    assert hint(browser, birth_date="nonsense", email="") == ""
    assert "data-alike" in browser.get("/contacts/add").text


def test_a_hint_takes_few_statements_however_many_contacts_there_are(client_as, counting):
    for _number in range(5):
        a_contact(last_name="Zubizarreta", email="z@example.org", phone="+34911111111")
    browser = client_as(BRUNO)
    with counting() as statements:
        hint(
            browser, first_name="Ana", last_name="Zubizarreta", email="z@example.org",
            phone="911 11 11 11", birth_date="02/03/1980",
        )  # fmt: skip
    read = [one for one in statements if Contact.__tablename__ in one]
    assert 0 < len(read) <= 6


def test_programs_read_the_pairs_page_by_page(client_as):
    own = [two(email=f"{n}@example.org", last_name=f"Goikoetxea Urrutia{n}") for n in range(2)]
    two("Norte", "Sur")
    scan()
    browser, key = client_as(None), api_key_header(BRUNO.user.id)
    read = browser.get("/api/v1/duplicates/?size=25", headers=key).get_json()
    assert {(pair["low_id"], pair["high_id"]) for pair in read["results"]} == {
        (one.id, other.id) for one, other in own
    }
    assert read["results"][0]["reasons"] == ["Same e-mail", "Same name"]
    assert read["next"] is None
    assert browser.get("/api/v1/duplicates/?state=x", headers=key).status_code == 400
