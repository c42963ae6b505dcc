"""The pages of a collective action: form, preview, confirmation, result, undo."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import func, select

from app.contacts.models import Contact, Status, Tag
from app.extensions import db
from app.log.models import LogEntry
from app.operations.models import Operation
from app.types import now
from tests.factories import a_contact, a_value, some_contacts, the_value
from tests.operations.run_actions import undo
from tests.people import ALICIA, BRUNO, CLARA

pytestmark = pytest.mark.usefixtures("session")

LIST = "/contacts/list/"


def begin(browser, action: str = "change_status", **form) -> str:
    """Choose an action for ticked rows; return the address of the draft."""
    answer = browser.post("/contacts/action_post", data={"action": action, **form})
    assert answer.status_code == 302, answer.text
    assert re.fullmatch(r"/operations/\d+/", answer.location)
    return answer.location


def ticked(*contacts: Contact) -> dict[str, list[int]]:
    return {"rowid": [contact.id for contact in contacts]}


def previewed(browser, at: str, **answers) -> str:
    """Send the form; return the preview page."""
    answer = browser.post(at, data=answers)
    assert (answer.status_code, answer.location) == (302, f"{at}preview")
    return text_of(browser.get(answer.location))


def hidden(page: str) -> dict[str, str]:
    """Return the hidden fields of the preview's form."""
    form = re.split(r'action="/operations/\d+/confirm"', page)[1].split("</form>", 1)[0]
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)
    return {name: value for name, value in found if name != "csrf_token"}


def text_of(answer, status: int = 200) -> str:
    assert answer.status_code == status, answer.text
    return unescape(answer.text)


def counts(page: str) -> list[int]:
    """Return the preview's counts: changed, unchanged, not permitted, skipped."""
    part = page.split("op-counts", 1)[1].split("</dl>", 1)[0]
    return [int(number) for number in re.findall(r"<dd>([\d,]+)</dd>", part)]


def the_operation(at: str) -> Operation:
    number = int(at.split("/")[2])
    found = db.session.get(Operation, number, populate_existing=True)
    assert found is not None
    return found


def test_ticked_rows_go_through_form_preview_run_and_undo(client_as):
    status, other = the_value(Status, "Active"), a_value(Status)
    lacks, has = a_contact(status=status), a_contact(status=other)
    browser = client_as(BRUNO)
    at = begin(browser, **ticked(lacks, has))
    assert "2 contacts" in text_of(browser.get(at))

    page = previewed(browser, at, status=other.id)
    assert counts(page) == [1, 1, 0, 0]
    assert f"<del>{status}</del>" in page
    assert f"<ins>{other}</ins>" in page
    assert "Changes (1)" in page
    assert "Change status of 1 contact<" in page
    assert lacks.status == status

    done = browser.post(f"{at}confirm", data=hidden(page))
    assert re.fullmatch(r"/jobs/\d+/", done.location)
    db.session.expire_all()
    assert lacks.status == other
    page = text_of(browser.get(done.location))
    assert "Change status" in page
    assert "2 contacts" in page

    undone = browser.post(f"{at}undo")
    assert re.fullmatch(r"/jobs/\d+/", undone.location)
    assert undone.location != done.location
    db.session.expire_all()
    assert lacks.status == status
    assert "The change to 1 contact was undone." in text_of(browser.get(done.location))
    assert "Undo collective action" in text_of(browser.get(undone.location))


def test_the_link_back_leads_to_the_list_with_its_filters(client_as):
    contact, status = a_contact(city="Cáceres"), the_value(Status, "Active")
    browser, on = client_as(BRUNO), "city__contains=C%C3%A1ceres"
    at = begin(browser, on=on, **ticked(contact))
    assert f'href="{LIST}?{on}"' in text_of(browser.get(at))

    sent = hidden(previewed(browser, at, status=status.id))
    job = browser.post(f"{at}confirm", data=sent).location

    assert f'href="{LIST}?{on}"' in text_of(browser.get(job))


def test_a_missing_answer_is_an_error_beside_its_field_and_the_others_stay(client_as):
    browser = client_as(BRUNO)
    at = begin(browser, "change_entity", **ticked(a_contact()))
    answer = browser.post(at, data={"entity": "", "reason": "Moved <house>"})
    page = text_of(answer, 422)
    assert "This field is required." in page
    assert 'value="Moved <house>"' in page
    assert the_operation(at).answers == {}


def test_an_error_of_the_action_is_shown_and_no_answer_is_stored(client_as):
    browser = client_as(ALICIA)
    at = begin(browser, "change_rights", **ticked(a_contact()))
    assert "Choose a level in at least one area." in text_of(browser.post(at, data={}), 422)
    assert the_operation(at).answers == {}


def test_a_confirmation_is_validated_like_the_form(client_as):
    browser = client_as(BRUNO)
    at = begin(browser, **ticked(a_contact()))
    answer = browser.post(f"{at}confirm", data={"status": "", "matched": "1"})
    assert "This field is required." in text_of(answer, 422)
    for matched in ("", "x", "-1"):
        data = {"status": a_value(Status).id, "matched": matched}
        assert browser.post(f"{at}confirm", data=data).status_code == 400
    assert the_operation(at).is_draft


def test_an_action_without_fields_starts_with_its_preview(client_as):
    browser, contact = client_as(BRUNO), a_contact()
    at = begin(browser, "delete", **ticked(contact))
    page = text_of(browser.get(at, follow_redirects=True))
    assert "Move 1 contact to trash<" in page
    browser.post(f"{at}confirm", data=hidden(page))
    db.session.expire_all()
    assert contact.trashed_at is not None


def test_all_that_match_but_one_are_changed(client_as):
    tag, status = a_value(Tag), a_value(Status)
    inside, left_out, outside = a_contact(tags=[tag]), a_contact(tags=[tag]), a_contact()
    browser = client_as(BRUNO)
    at = begin(browser, all="1", on=f"tags__is={tag.id}", **{"except": left_out.id})
    page = previewed(browser, at, status=status.id)
    assert counts(page) == [1, 0, 0, 0]
    assert "You have selected the whole list" not in page
    browser.post(f"{at}confirm", data=hidden(page))
    db.session.expire_all()
    assert [c.status == status for c in (inside, left_out, outside)] == [True, False, False]


@pytest.mark.parametrize("action", ["change_status", "add_tag"])
def test_a_selection_of_everything_needs_the_number_typed(client_as, action):
    some_contacts(3)
    field, value = ("status", a_value(Status)) if "status" in action else ("tag", a_value(Tag))
    browser = client_as(ALICIA)
    number = db.session.scalar(select(func.count()).select_from(Contact))
    at = begin(browser, action, all="1", on="")
    page = previewed(browser, at, **{field: value.id})
    assert counts(page) == [number, 0, 0, 0]
    for wrong in ("", "all", str(number + 1)):
        refused = browser.post(f"{at}confirm", data=hidden(page) | {"typed": wrong})
        assert "The number doesn’t match." in text_of(refused, 422)
    assert the_operation(at).is_draft
    done = browser.post(f"{at}confirm", data=hidden(page) | {"typed": f" {number:,} "})
    assert done.location.startswith("/jobs/")
    assert the_operation(at).changed == number


def test_a_changed_number_of_rows_shows_the_preview_again(client_as):
    tag, status = a_value(Tag), a_value(Status)
    a_contact(tags=[tag])
    browser = client_as(BRUNO)
    at = begin(browser, all="1", on=f"tags__is={tag.id}")
    page = previewed(browser, at, status=status.id)
    a_contact(tags=[tag])
    again = text_of(browser.post(f"{at}confirm", data=hidden(page)), 409)
    assert "The number of results has changed." in again
    assert counts(again) == [2, 0, 0, 0]
    assert the_operation(at).is_draft
    assert browser.post(f"{at}confirm", data=hidden(again)).location.startswith("/jobs/")


def test_confirming_twice_is_one_job_and_the_draft_leads_to_it(client_as):
    browser, status = client_as(BRUNO), a_value(Status)
    at = begin(browser, **ticked(a_contact()))
    page = previewed(browser, at, status=status.id)
    first = browser.post(f"{at}confirm", data=hidden(page)).location
    for again in (
        browser.post(f"{at}confirm", data=hidden(page)),
        browser.post(at, data={"status": status.id}),
        browser.get(at),
        browser.get(f"{at}preview"),
        browser.get(f"{at}confirm"),
    ):
        assert (again.status_code, again.location) == (302, first)


def test_the_answers_of_the_confirmed_page_are_used(client_as):
    """Of two tabs with two answers, the confirmed one counts."""
    browser, one, two = client_as(BRUNO), a_value(Status), a_value(Status)
    contact = a_contact()
    at = begin(browser, **ticked(contact))
    page = previewed(browser, at, status=one.id)
    previewed(browser, at, status=two.id)
    browser.post(f"{at}confirm", data=hidden(page))
    db.session.expire_all()
    assert contact.status == one


def test_a_preview_without_changes_has_no_run_button(client_as):
    status = a_value(Status)
    browser = client_as(BRUNO)
    at = begin(browser, **ticked(a_contact(status=status)))
    page = previewed(browser, at, status=status.id)
    assert counts(page) == [0, 1, 0, 0]
    assert "1 contact doesn’t need this change." in page
    assert "confirm" not in page


def test_a_draft_is_visible_to_its_owner_only(client_as):
    browser = client_as(BRUNO)
    at = begin(browser, **ticked(a_contact()))
    other = client_as(ALICIA)
    for answer in (
        other.get(at), other.get(f"{at}preview"), other.post(at), other.post(f"{at}confirm"),
        other.get("/operations/999999/"), other.get("/operations/x/"),
    ):  # fmt: skip
        assert "has expired" in text_of(answer, 404)
    assert client_as(CLARA).post(f"{at}undo").status_code == 404


def test_an_expired_draft_links_to_its_list(client_as):
    browser = client_as(BRUNO)
    at = begin(browser, all="1", on="city__contains=bilbao")
    the_operation(at).created_at = now() - timedelta(hours=25)
    db.session.commit()
    page = text_of(browser.get(at), 410)
    assert 'href="/contacts/list/?city__contains=bilbao"' in page


def test_a_draft_is_refused_without_the_permission_of_its_action(client_as):
    browser = client_as(BRUNO)
    at = begin(browser, **ticked(a_contact()))
    BRUNO.user.roles = CLARA.user.roles
    db.session.commit()
    browser = client_as(BRUNO)
    data = {"status": a_value(Status).id, "matched": "1"}
    assert browser.get(at).status_code == 403
    assert browser.post(f"{at}confirm", data=data).status_code == 403
    assert the_operation(at).is_draft


def test_rows_out_of_scope_are_refused_with_a_link_back(client_as):
    browser = client_as(BRUNO)
    form = {"action": "change_status"} | ticked(a_contact(), a_contact("Sur"))
    page = text_of(browser.post("/contacts/action_post", data=form), 403)
    assert "Nothing was changed" in page
    assert f'href="{LIST}"' in page
    assert db.session.scalar(select(func.count()).select_from(Operation)) == 0
    told = db.session.scalars(select(LogEntry).where(LogEntry.event == "out_of_reach")).one()
    assert (told.actor_id, told.changes["rows"]) == (BRUNO.user.id, [None, 2])
    page = text_of(client_as(ALICIA).get("/security/?part=all"))
    assert "blocked: no access to part of the selection" in page
    assert "change-status" in page


def test_no_row_or_too_many_redirect_to_the_list_with_a_message(client_as):
    browser = client_as(BRUNO)
    for ids, sentence in (([], "Make a selection first."), (range(1, 1002), "Too many to select")):
        form = {"action": "change_status", "rowid": list(ids), "on": "q=ana"}
        answer = browser.post("/contacts/action_post", data=form)
        assert answer.location == f"{LIST}?q=ana"
        assert sentence in text_of(browser.get(answer.location))


def test_the_owner_and_administrators_may_undo_once(client_as):
    browser, status, contact = client_as(BRUNO), a_value(Status), a_contact()
    at = begin(browser, **ticked(contact))
    job = browser.post(f"{at}confirm", data=hidden(previewed(browser, at, status=status.id)))
    assert client_as(CLARA).post(f"{at}undo").status_code == 404
    administrator = client_as(ALICIA)
    assert "/undo" in text_of(administrator.get(job.location))
    first = administrator.post(f"{at}undo").location
    assert browser.post(f"{at}undo").location == first != job.location


def test_an_undo_that_comes_too_late_shows_a_message(client_as):
    browser = client_as(BRUNO)
    at = begin(browser, **ticked(a_contact()))
    page = previewed(browser, at, status=a_value(Status).id)
    job = browser.post(f"{at}confirm", data=hidden(page)).location
    the_operation(at).undo_until = now() - timedelta(minutes=1)
    db.session.commit()
    assert "/undo" not in text_of(browser.get(job))
    answer = browser.post(f"{at}undo", follow_redirects=True)
    assert "too late to undo this" in text_of(answer)


def test_the_log_of_a_file_names_the_action_and_links_to_its_job(client_as):
    browser, contact = client_as(BRUNO), a_contact()
    at = begin(browser, **ticked(contact))
    page = previewed(browser, at, status=a_value(Status).id)
    job = browser.post(f"{at}confirm", data=hidden(page)).location
    log = f"/contacts/show/{contact.id}?tab=log"
    link = f'<a href="{job}">By the collective action “Change status”</a>'
    assert link in text_of(browser.get(log))
    # A user who may not open the job sees the action without a link.
    page = text_of(client_as(CLARA).get(log))
    assert "By the collective action “Change status”" in page
    assert job not in page

    undo(the_operation(at), BRUNO.as_actor())
    page = text_of(browser.get(log))
    undoing = f"/jobs/{the_operation(at).undo_job_id}/"
    assert f'<a href="{undoing}">By undoing the collective action “Change status”</a>' in page
    assert link in page


def test_the_form_of_a_role_shows_labels_of_collective_actions(client_as):
    page = text_of(client_as(ALICIA).get("/roles/add"))
    assert "Collective action: Change status" in page
    assert "change status" not in page


def test_the_selection_bar_offers_permitted_actions_with_dangerous_ones_last(client_as):
    a_contact()
    page = text_of(client_as(BRUNO).get(LIST))
    names = re.findall(r'name="action" value="(\w+)"', page)
    assert names[-1] == "delete"
    assert "change_status" in names
    assert "change_rights" not in names
    assert "data-tickbar" not in text_of(client_as(CLARA).get(LIST))
