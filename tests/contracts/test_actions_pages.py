"""The contract of every collective action on its pages."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from flask_babel import force_locale

from app.extensions import db
from app.i18n.formats import show_number
from app.i18n.languages import LANGUAGES
from app.operations.actionbase import Action
from app.operations.verbs import MoveToTrash
from tests.contracts.action_cases import (
    ACTIONS,
    a_row_for,
    answers_for,
    every_action,
    list_post_url,
    user_who_may,
)
from tests.contracts.database_contents import compare_contents, read_contents
from tests.contracts.fingerprint import changed_tables, fingerprint
from tests.contracts.hostile import ALL_VALUES
from tests.contracts.pagereader import find_post_form, parse_forms
from tests.contracts.replies import find_fault
from tests.operations.run_actions import do, screen_of, verbs_of
from tests.people import ALICIA
from tests.sampling import IS_FULL

pytestmark = pytest.mark.usefixtures("session")


def start(browser: Any, kind: type[Action], rows: list[Any]) -> str:
    ticked = {"action": kind.action_name(), "rowid": [row.id for row in rows]}
    return browser.post(list_post_url(kind), data=ticked).location


def open_preview(browser: Any, kind: type[Action], at: str, answers: dict[str, Any]) -> Any:
    """Answer the form of a draft; return the form of the preview."""
    if kind.has_questions():
        page = browser.get(at)
        assert page.status_code == 200
        sent = find_post_form(page.text, at).submitted(**{k: str(v) for k, v in answers.items()})
        assert browser.post(at, data=sent).location == f"{at}preview"
    else:
        assert browser.get(at).location == f"{at}preview"
    page = browser.get(f"{at}preview")
    assert page.status_code == 200
    return find_post_form(page.text, f"{at}confirm")


@every_action
def test_its_permission_is_sufficient_for_its_pages(kind, client_as, connection):
    answers = answers_for(kind)
    rows, browser = [a_row_for(kind, answers)], client_as(user_who_may(kind))
    before = read_contents(connection)

    at = start(browser, kind, rows)
    form = open_preview(browser, kind, at, answers)
    assert compare_contents(before, read_contents(connection)) == {}
    done = browser.post(f"{at}confirm", data=form.submitted())
    assert re.fullmatch(r"/jobs/\d+/", done.location)
    assert browser.get(done.location).status_code == 200
    assert compare_contents(before, read_contents(connection))

    # A second confirmation leads to the same job and changes nothing.
    changed = read_contents(connection)
    assert browser.post(f"{at}confirm", data=form.submitted()).location == done.location
    assert compare_contents(changed, read_contents(connection)) == {}

    assert re.fullmatch(r"/jobs/\d+/", browser.post(f"{at}undo").location)
    assert compare_contents(before, read_contents(connection)) == {}
    assert browser.post(f"{at}undo").status_code == 302
    assert compare_contents(before, read_contents(connection)) == {}


@every_action
def test_button_and_title_say_what_happens_to_how_many_rows_in_both_languages(kind, client_as):
    """The button has verb, object and number, and its own words; the job's title the number."""
    answers, counted = answers_for(kind), screen_of(kind).counted
    rows = [a_row_for(kind, answers), a_row_for(kind, answers)]
    browser, buttons = client_as(user_who_may(kind)), []
    at = start(browser, kind, rows)
    form = open_preview(browser, kind, at, answers)
    for language in LANGUAGES:
        browser.post("/language", data={"language": language})
        page = unescape(browser.get(f"{at}preview").text)
        with force_locale(language):
            button = kind.button_text(counted(2))
            assert counted(2) in button
            assert show_number(2) in button
            assert button != Action.button_text(counted(2))
            assert "1" in kind.button_text(counted(1))
            assert f"{button}</button>" in page
        buttons.append(button)
    assert len({*buttons}) == len(LANGUAGES), "translate the button"

    job = browser.post(f"{at}confirm", data=form.submitted()).location
    for language in LANGUAGES:
        browser.post("/language", data={"language": language})
        with force_locale(language):
            assert f"({counted(2)})</h1>" in unescape(browser.get(job).text)


@every_action
def test_other_users_cannot_open_a_draft(kind, client_as, connection):
    answers = answers_for(kind)
    rows, browser = [a_row_for(kind, answers)], client_as(user_who_may(kind))
    at = start(browser, kind, rows)
    form = open_preview(browser, kind, at, answers)
    other, alicia = client_as(user_who_may(kind)), client_as(ALICIA)
    before = fingerprint(connection)

    for stranger in (other, alicia):
        assert stranger.get(at).status_code == 404
        assert stranger.get(f"{at}preview").status_code == 404
        assert stranger.post(at, data=answers).status_code == 404
        assert stranger.post(f"{at}confirm", data=form.submitted()).status_code == 404
    assert other.post(f"{at}undo").status_code == 404
    assert changed_tables(before, fingerprint(connection)) == []


@every_action
def test_hostile_answers_break_no_page_and_change_nothing(kind, client_as, connection):
    answers = answers_for(kind)
    rows = [a_row_for(kind, answers), a_row_for(kind, answers)]
    browser = client_as(user_who_may(kind))
    at = start(browser, kind, rows)
    names = list(open_preview(browser, kind, at, answers).submitted())
    before, wrong = read_contents(connection), []
    # Every value is sent to some action, and each action gets a few.
    place = ACTIONS.index(kind)
    for turn in range(place, len(ALL_VALUES), 1 if IS_FULL else 40):
        value = ALL_VALUES[turn][1].encode("utf-8", "surrogatepass")
        sent = dict.fromkeys({*names, "typed", "csrf_token"}, value) | {"matched": "3"}
        for url, data in (
            (at, sent),
            (f"{at}confirm", sent),
            (f"{at}confirm", {"matched": value}),
        ):
            reply = browser.post(url, data=data, buffered=True)
            if said := find_fault(reply):
                wrong.append((url, said, ALL_VALUES[turn]))
    assert wrong == []
    assert compare_contents(before, read_contents(connection)) == {}


@every_action
def test_saving_a_form_that_was_opened_before_the_run_is_a_conflict(kind, client_as):
    answers = answers_for(kind)
    row, alicia = a_row_for(kind, answers), client_as(ALICIA)
    url = f"{screen_of(kind).route_base}/edit/{row.id}"
    form = next(
        form for form in parse_forms(alicia.get(url).text) if "version" in form.submitted()
    )
    version = row.version
    operation = do(kind, user_who_may(kind).as_actor(), [row], **answers)

    reply = alicia.post(url, data=form.submitted())

    verb = verbs_of(kind, operation)[0]
    if isinstance(verb, MoveToTrash):
        assert reply.status_code == 404
    elif verb.name != "each":
        assert reply.status_code == 409
        db.session.expire_all()
        assert row.version == version + 1
