"""Settings: defaults, changes, what other processes see, the page, the API and the commands."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from app import organisation
from app.errors import DomainError
from app.extensions import db
from app.i18n.formats import show_datetime
from app.log.models import LogEntry
from app.security.areas import Area, Level
from app.security.roles import role_name
from app.settings.cache import get_setting
from app.settings.kinds import all_settings, find_setting
from app.settings.models import StoredSetting
from app.settings.services import reset_setting, set_setting
from tests.databases import make_app, migrated_app
from tests.people import ALICIA, BRUNO, Person, add_person, api_key_header

COUNTRY = find_setting("country")
pytestmark = pytest.mark.both_databases


def change(key, value):
    set_setting(db.session(), find_setting(key), value)
    db.session.commit()


def entries():
    query = select(LogEntry).where(LogEntry.subject_type == "setting").order_by(LogEntry.id)
    return list(db.session.scalars(query))


def form(browser):
    """Return what the form of the page sends if nothing is changed."""
    data = {setting.key: get_setting(setting.key) for setting in all_settings()}
    versions = {row.key: row.version for row in db.session.scalars(select(StoredSetting))}
    return data | {"version": json.dumps(versions)}


def test_a_setting_that_nobody_set_is_its_default(session):
    assert organisation.country() == "ES"
    assert organisation.currency() == "EUR"
    assert organisation.name() == "Federación"


def test_a_setting_that_was_set_takes_effect_at_once(session):
    moment = datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert "14:00" in show_datetime(moment)
    change("timezone", "America/Lima")
    assert organisation.time_zone_name() == "America/Lima"


def test_the_pages_show_times_in_the_zone_of_the_settings(client_as):
    browser = client_as(ALICIA)
    change("country", "FR")
    change("timezone", "Asia/Tokyo")
    assert '<option value="Asia/Tokyo" selected>' in browser.get("/settings/").text


def test_the_default_is_not_stored_and_the_version_goes_on(session):
    change("country", "FR")
    change("country", "ES")
    row = session.scalars(select(StoredSetting)).one()
    assert (row.value, row.version) == (None, 2)
    reset_setting(db.session(), COUNTRY)
    session.commit()
    assert row.version == 2


def test_every_change_is_logged_with_both_values(session):
    change("country", "FR")
    change("country", "PT")
    assert [entry.changes["value"] for entry in entries()] == [[None, "FR"], ["FR", "PT"]]


def test_a_required_setting_cannot_be_empty(session):
    with pytest.raises(DomainError) as refused:
        set_setting(db.session(), COUNTRY, None)
    assert refused.value.field == "country"


def test_what_is_rolled_back_is_not_seen_any_more(session):
    set_setting(db.session(), COUNTRY, "FR")
    db.session.flush()
    assert organisation.country() == "FR"
    session.rollback()
    assert organisation.country() == "ES"


def test_another_process_sees_the_change_in_its_next_request(database, tmp_path):
    with migrated_app(database, tmp_path) as app:
        other = make_app(app.config["SQLALCHEMY_DATABASE_URI"], tmp_path)
        url = app.config["SQLALCHEMY_DATABASE_URI"].replace("+psycopg", "")
        other = make_app(url, tmp_path)
        with other.app_context():
            assert organisation.country() == "ES"
        with app.app_context():
            change("country", "FR")
        with other.app_context():
            assert organisation.country() == "FR"
            db.session.remove()
            db.engine.dispose()


def test_a_request_asks_the_database_once_however_often_it_needs_a_setting(session, counting):
    organisation.country()
    with counting() as statements:
        for _time in range(3):
            organisation.country()
            organisation.language()
    assert len(statements) <= 1


def test_a_job_asks_again_after_each_chunk_and_sees_what_others_changed(session, counting):
    organisation.country()
    session.commit()
    with counting() as statements:
        organisation.country()
        organisation.country()
    assert len(statements) == 1
    assert "sum" in statements[0]


def test_a_database_without_the_table_has_the_defaults(tmp_path):
    app = make_app(f"sqlite:///{tmp_path / 'empty.sqlite3'}", tmp_path)
    with app.app_context():
        assert organisation.country() == "ES"
        db.engine.dispose()


def test_the_page_saves_what_was_changed_and_nothing_else(client_as):
    browser = client_as(ALICIA)
    answer = browser.post(
        "/settings/", data=form(browser) | {"organisation": "Amigas", "currency": "USD"}
    )
    assert answer.status_code == 302
    assert {row.key: row.value for row in db.session.scalars(select(StoredSetting))} == {
        "organisation": "Amigas", "currency": "USD",
    }  # fmt: skip
    page = browser.get("/settings/").text
    assert "<ins>Amigas</ins>" in page
    assert "alicia" in page.lower()


@pytest.mark.parametrize(
    ("key", "typed"), [("organisation", "  "), ("country", "Nowhere"), ("timezone", "Mars/Base"), ("currency", "XXY"), ("organisation", "a" * 121)]
)  # fmt: skip
def test_a_wrong_value_is_refused_beside_its_field_and_stays_there(key, typed, client_as):
    browser = client_as(ALICIA)
    answer = browser.post("/settings/", data=form(browser) | {key: typed})
    assert answer.status_code == 422
    assert f'id="{key}-error"' in answer.text
    assert list(db.session.scalars(select(StoredSetting))) == []


def test_two_people_who_change_different_settings_do_not_disturb_each_other(client_as):
    browser = client_as(ALICIA)
    change("country", "FR")
    early = form(browser)
    change("country", "PT")
    answer = browser.post("/settings/", data=early | {"currency": "USD"})
    assert answer.status_code == 409
    assert '<option value="PT" selected>' in answer.text
    assert '<option value="USD" selected>' in answer.text
    assert 'id="country-conflict"' not in answer.text


def test_who_saves_the_same_setting_later_sees_both_values(client_as):
    browser = client_as(ALICIA)
    early = form(browser)
    change("country", "FR")
    answer = browser.post("/settings/", data=early | {"country": "PT"})
    assert answer.status_code == 409
    assert 'id="country-conflict"' in answer.text
    assert organisation.country() == "FR"


@pytest.mark.parametrize(
    "version", ["", "x", "[]", "null", '{"country": "a"}', '{"country": 1e9}', "[" * 9999]
)
def test_a_form_with_a_version_that_makes_no_sense_is_a_conflict(version, client_as):
    browser = client_as(ALICIA)
    change("country", "FR")
    data = form(browser) | {"version": version, "country": "PT"}
    assert browser.post("/settings/", data=data).status_code == 409


def test_who_may_only_read_settings_sees_them_and_cannot_save(client_as):
    person = Person("rosa", "Norte", role_name(Area.SETTINGS, Level.READ))
    add_person(person)
    browser = client_as(person)
    page = browser.get("/settings/")
    assert page.status_code == 200
    assert 'name="country"' not in page.text
    assert browser.post("/settings/", data={"country": "FR"}).status_code in (302, 403)
    assert organisation.country() == "ES"


def test_others_do_not_get_in(client_as):
    assert client_as(BRUNO).get("/settings/").status_code in (302, 403)


def test_the_api_lists_and_changes_settings_by_version(client_as):
    browser, key = client_as(None), api_key_header(ALICIA.user.id)
    listed = browser.get("/api/v1/settings/", headers=key).json["results"]
    assert next(one for one in listed if one["key"] == "country") == {
        "key": "country", "label": "Country", "group": "Language and region", "value": "ES",
        "default": "ES", "version": 0,
    }  # fmt: skip

    def send(**body):
        return browser.patch("/api/v1/settings/country", json=body, headers=key)

    assert send(value="FR", version=0).json["value"] == "FR"
    late = send(value="PT", version=0)
    assert (late.status_code, late.json["current"]["value"]) == (409, "FR")
    assert send(value="Nowhere", version=1).status_code == 422
    assert send(value=["FR"], version=1).status_code == 422
    assert send(value="FR").status_code == 422
    assert send(value=None, version=1).json["value"] == "ES"
    assert browser.patch("/api/v1/settings/nothing", json={}, headers=key).status_code == 404


def test_the_commands_list_and_set(app, session):
    run = app.test_cli_runner().invoke
    assert "  country = ES" in run(args=["settings", "list"]).output
    assert run(args=["settings", "set", "country", "France"]).exit_code == 0
    assert "* country = FR" in run(args=["settings", "list"]).output
    assert run(args=["settings", "set", "country", "--default"]).exit_code == 0
    assert "  country = ES" in run(args=["settings", "list"]).output
    assert run(args=["settings", "set", "country", "Nowhere"]).exit_code == 1
    assert run(args=["settings", "set", "nothing", "x"]).exit_code == 2
    assert run(args=["settings", "set", "country"]).exit_code == 2
