"""Two contacts or accounts become one: values, links, what points at them, number and address."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from app.accounts.models import Account
from app.contacts.models import Contact, Tag
from app.crud.screens import screen_of
from app.errors import DomainError
from app.extensions import db
from app.log.models import LogEntry
from app.merging.models import Merge
from app.merging.services import MergeConflict, merge_rows, undo_merge
from app.numbers.queries import find_by_former_number
from app.search.queries import search_condition
from app.security.scope import visible
from app.staff.models import StaffUser
from app.trash.services import move_to_trash
from tests.contracts.fingerprint import changed_tables, fingerprint
from tests.contracts.pagereader import find_post_form
from tests.factories import a_contact, a_value, an_account
from tests.people import ALICIA, BRUNO, CLARA, Person, add_person

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("session")]


def merge(survivor, merged, person=ALICIA, **choices):
    done = merge_rows(
        db.session(), survivor, merged, choices, person.as_actor(),
        versions=(survivor.version, merged.version),
        list_name=screen_of(type(survivor)).key,
    )  # fmt: skip
    db.session.commit()
    return done


def undo(done, survivor, merged, person=ALICIA):
    undo_merge(db.session(), done, survivor, merged, person.as_actor())
    db.session.commit()


def values_of(row):
    """Return what a row holds, but for its version and the time of its last change."""
    db.session.refresh(row)
    names = [attribute.key for attribute in type(row).__mapper__.column_attrs]
    held = {name: getattr(row, name) for name in names if name not in ("version", "updated_at")}
    return held | {"tags": sorted(tag.id for tag in row.tags)}


def found(typed):
    query = visible(Contact, ALICIA.as_actor())
    query = query.where(search_condition(db.session(), Contact, typed))
    return {row.id for row in db.session.scalars(query)}


def events_of(row):
    query = select(LogEntry.event).where(
        LogEntry.subject_type == row.__tablename__, LogEntry.subject_id == row.id
    )
    return list(db.session.scalars(query.order_by(LogEntry.id)))


def test_the_row_that_stays_has_the_chosen_values_and_what_hung_on_both():
    tags = [a_value(Tag) for _number in range(3)]
    stays = a_contact(phone="+34911111111", email="a@example.org", notes="One", tags=tags[:2])
    gone = a_contact(
        email="b@example.org", mobile="+34622222222", notes="Two", tags=tags[1:], number="OLD-7"
    )
    report = a_contact(manager=gone)

    merge(stays, gone, email="other", phone="own")

    assert (stays.email, stays.phone, stays.mobile) == (
        "b@example.org", "+34911111111", "+34622222222",
    )  # fmt: skip
    assert stays.notes == "One\n\nTwo"
    assert {tag.id for tag in stays.tags} == {tag.id for tag in tags}
    assert (report.manager_id, gone.merged_into_id) == (stays.id, stays.id)
    assert gone.is_trashed
    assert {"changed", "merged"} <= set(events_of(stays))
    assert events_of(gone)[-2:] == ["trashed", "merged_into"]
    assert events_of(report)[-1] == "changed"


def test_the_number_of_the_merged_contact_still_finds_the_one_that_stays():
    first, second, third = a_contact(), a_contact(number="OLD-8"), a_contact(number="OLD-9")
    merge(second, third)
    merge(first, second)

    assert find_by_former_number(db.session(), Contact, ["OLD-8", "OLD-9", "OLD-1"]) == {
        "OLD-8": first.id, "OLD-9": first.id,
    }  # fmt: skip
    assert found("OLD-9") == {first.id}


def test_an_undone_merge_leaves_both_as_they_were():
    tags = [a_value(Tag) for _number in range(2)]
    boss = a_contact()
    stays = a_contact(email=None, tags=tags[:1], manager=boss, notes="Mine")
    gone = a_contact(email="b@example.org", tags=tags, manager=stays, number="OLD-5", notes="His")
    report = a_contact(manager=gone)
    rows = (stays, gone, report)
    before = [values_of(row) for row in rows]

    done = merge(stays, gone, manager_id="other", last_name="other")
    assert stays.manager_id is None
    undo(done, stays, gone)

    assert [values_of(row) for row in rows] == before
    assert done.kept == []
    assert found("OLD-5") == {gone.id}
    assert find_by_former_number(db.session(), Contact, ["OLD-5"]) == {}
    assert events_of(stays)[-1] == events_of(gone)[-1] == "unmerged"


def test_what_was_changed_since_the_merge_stays_and_is_listed():
    elsewhere = a_contact()
    stays, gone = a_contact(email="a@example.org"), a_contact(email="b@example.org")
    reports = [a_contact(manager=gone, last_name=f"Report {n}") for n in range(3)]
    done = merge(stays, gone, email="other", last_name="other")

    stays.email = "c@example.org"
    reports[0].phone = "+34933333333"
    reports[1].manager = elsewhere
    later = a_contact(manager=stays)
    db.session.commit()
    undo(done, stays, gone)

    assert stays.email == "c@example.org"
    assert stays.last_name != gone.last_name
    assert [report.manager_id for report in reports] == [stays.id, elsewhere.id, gone.id]
    assert later.manager_id == stays.id
    assert sorted(done.kept) == [
        ["MoveReports", reports[0].id, "changed"],
        ["MoveReports", reports[1].id, "elsewhere"],
        ["field:email", stays.id, "changed"],
    ]


def test_of_several_merges_the_newest_is_undone_first():
    first, second, third = a_contact(), a_contact(), a_contact()
    inner = merge(second, third)
    outer = merge(first, second)
    fourth = a_contact()
    newest = merge(first, fourth)

    with pytest.raises(DomainError, match="merged itself since"):
        undo(inner, second, third)
    db.session.rollback()
    with pytest.raises(DomainError, match="newer merge"):
        undo(outer, first, second)
    db.session.rollback()
    undo(newest, first, fourth)
    undo(outer, first, second)
    undo(inner, second, third)
    assert not any(row.is_trashed for row in (first, second, third, fourth))


def test_a_merged_contact_is_not_restored_alone(client_as):
    stays, gone = a_contact(), a_contact()
    merge(stays, gone)
    reply = client_as(ALICIA).post(f"/contacts/restore/{gone.id}", follow_redirects=True)
    assert "Undo the merge" in reply.text
    db.session.refresh(gone)
    assert gone.is_trashed


def test_the_address_of_the_merged_contact_leads_to_the_one_that_stays(client_as):
    first, second, third = a_contact(), a_contact(), a_contact()
    foreign, hidden = a_contact("Sur"), a_contact("Sur")
    merge(second, third)
    merge(first, second)
    merge(foreign, hidden)
    browser = client_as(BRUNO)
    reply = browser.get(f"/contacts/show/{third.id}")
    assert (reply.status_code, reply.location) == (302, f"/contacts/show/{first.id}")
    assert browser.get(f"/contacts/show/{hidden.id}").status_code == 404


def test_the_user_of_the_merged_contact_belongs_to_the_one_that_stays():
    user = add_person(Person("marta", "Norte", None))
    stays, gone = a_contact(), a_contact(user=user)
    done = merge(stays, gone)
    assert (stays.user_id, gone.user_id) == (user.id, None)
    undo(done, stays, gone)
    assert (stays.user_id, gone.user_id) == (None, user.id)


def test_two_contacts_who_can_both_sign_in_are_not_merged():
    stays, gone = (
        a_contact(user=add_person(Person(name, "Norte", None))) for name in ("marta", "nuria")
    )
    with pytest.raises(DomainError, match="can sign in"):
        merge(stays, gone)


def test_contacts_of_a_merged_account_are_found_by_its_new_name():
    stays, gone = an_account(name="Zubiarte"), an_account(name="Olabarri")
    child = an_account(parent=gone)
    near, far, trashed = (a_contact(entity, account=gone) for entity in ("Norte", "Sur", "Norte"))
    move_to_trash(trashed, ALICIA.as_actor())
    db.session.commit()

    done = merge(stays, gone, BRUNO)

    assert {row.account_id for row in (near, far, trashed)} == {stays.id}
    assert child.parent_id == stays.id
    assert done.counts == {"MoveChildAccounts": 1, "MoveContacts": 3}
    assert found("zubiarte") == {near.id, far.id}
    undo(done, stays, gone, BRUNO)
    assert found("olabarri") == {near.id, far.id}
    assert db.session.get(Account, gone.id) is gone


# Pages


def page_form(browser, *ids):
    return find_post_form(browser.get("/contacts/merge/{}/{}".format(*ids)).text).submitted()


def test_a_merge_is_chosen_on_a_page_and_undone_from_another(client_as):
    stays, gone = a_contact(phone="+34911111111"), a_contact(phone="+34922222222")
    a_contact("Sur", manager=gone)
    browser = client_as(BRUNO)
    page = browser.get(f"/contacts/merge/{stays.id}/{gone.id}").text
    assert "1 contact who reports to them" in page
    assert "1 of them you can’t see" in page

    sent = page_form(browser, stays.id, gone.id) | {"take-phone": "other"}
    reply = browser.post(f"/contacts/merge/{stays.id}/{gone.id}", data=sent)
    done = db.session.scalars(select(Merge)).one()
    assert reply.location == f"/contacts/show/{stays.id}"
    assert (stays.phone, gone.is_trashed) == ("+34922222222", True)
    log = browser.get(f"/contacts/show/{stays.id}?tab=log").text
    assert f"/contacts/merged/{done.id}" in log

    assert "Undo" in browser.get(f"/contacts/merged/{done.id}").text
    browser.post(f"/contacts/unmerge/{done.id}")
    assert (stays.phone, gone.is_trashed) == ("+34911111111", False)
    assert "Undone by" in browser.get(f"/contacts/merged/{done.id}").text


def test_a_merge_that_is_sent_twice_or_in_two_tabs_is_one(client_as):
    stays, gone = a_contact(), a_contact()
    browser = client_as(BRUNO)
    url = f"/contacts/merge/{stays.id}/{gone.id}"
    first, second = page_form(browser, stays.id, gone.id), page_form(browser, stays.id, gone.id)
    replies = [browser.post(url, data=sent) for sent in (first, first, second)]
    assert [reply.location for reply in replies] == [f"/contacts/show/{stays.id}"] * 3
    assert db.session.scalar(select(func.count(Merge.id))) == 1


def test_a_merge_of_what_was_changed_meanwhile_is_shown_again(client_as):
    stays, gone = a_contact(phone="+34911111111"), a_contact(phone="+34922222222")
    browser = client_as(BRUNO)
    sent = page_form(browser, stays.id, gone.id) | {"take-phone": "other"}
    gone.phone = "+34933333333"
    db.session.commit()
    reply = browser.post(f"/contacts/merge/{stays.id}/{gone.id}", data=sent)
    assert reply.status_code == 409
    assert find_post_form(reply.text).submitted()["take-phone"] == ["other"]
    assert (stays.phone, gone.is_trashed) == ("+34911111111", False)
    sent = find_post_form(reply.text).submitted()
    browser.post(f"/contacts/merge/{stays.id}/{gone.id}", data=sent)
    assert stays.phone == "+34933333333"


def test_nobody_merges_what_they_do_not_see_or_may_not_edit(client_as, connection):
    own, other, foreign = a_contact(), a_contact(), a_contact("Sur")
    bruno, clara = client_as(BRUNO), client_as(CLARA)
    before = fingerprint(connection)
    for ids in ((own.id, foreign.id), (foreign.id, own.id), (own.id, own.id)):
        sent = {"version": "1", "other_version": "1"}
        assert bruno.post("/contacts/merge/{}/{}".format(*ids), data=sent).status_code == 404
        assert bruno.get("/contacts/merge/{}/{}".format(*ids)).status_code == 404
    reply = clara.post(f"/contacts/merge/{own.id}/{other.id}", data={})
    assert reply.status_code == 403
    assert changed_tables(before, fingerprint(connection)) == []


def test_a_conflict_is_found_by_the_service():
    stays, gone = a_contact(), a_contact()
    with pytest.raises(MergeConflict):
        merge_rows(
            db.session(), stays, gone, {}, ALICIA.as_actor(), versions=(1, 2),
            list_name="contacts",
        )  # fmt: skip


def test_exactly_two_ticked_contacts_are_merged(client_as):
    rows = [a_contact() for _number in range(3)]
    browser = client_as(BRUNO)

    def reply(*ticked):
        sent = {"action": "merge", "rowid": [str(row.id) for row in ticked]}
        return browser.post("/contacts/action_post", data=sent)

    assert reply(*rows[:2]).location == f"/contacts/merge/{rows[0].id}/{rows[1].id}"
    assert reply(*rows).location == "/contacts/list/"


def test_whoever_merged_is_known(client_as):
    stays, gone = a_contact(), a_contact()
    done = merge(stays, gone, BRUNO)
    user = db.session.get(StaffUser, done.actor_id)
    assert user.username == "bruno"
