"""Presets of exports: columns and a format that are saved, and shared with a role."""

from __future__ import annotations

import re

from tests.people import ALICIA, BRUNO, CLARA, EDITS_CONTACTS


def save_preset(browser, name: str = "Carnés", **data):
    chosen = {"fields": "chosen", "field": ["city", "last_name"], "format": "xlsx", "ids": "1"}
    return browser.post("/contacts/export/presets", data=chosen | {"name": name} | data)


def test_a_preset_is_saved_applied_changed_and_deleted(client_as, session):
    browser = client_as(BRUNO)
    at = save_preset(browser).location
    page = browser.get(at).text
    assert re.search(r'value="xlsx" checked', page)
    assert page.index('value="city"') < page.index('value="last_name"')
    number = at.partition("preset=")[2]
    edited = {"name": "Otros", "fields": "all", "format": "vcf"}
    browser.post(f"/contacts/export/presets/{number}/edit", data=edited)
    page = browser.get(at).text
    assert re.search(r'value="vcf" checked', page)
    assert "Otros" in page
    assert "Carnés" not in page
    browser.post(f"/contacts/export/presets/{number}/delete")
    assert browser.get(at).status_code == 404
    assert "Otros" not in browser.get("/contacts/export").text


def test_a_preset_is_shared_with_a_role_and_changed_by_its_owner_alone(client_as, session):
    role = next(one for one in BRUNO.user.roles if one.name == EDITS_CONTACTS)
    at = save_preset(client_as(BRUNO), role=str(role.id)).location
    own = save_preset(client_as(BRUNO), "Mío").location
    number = at.partition("preset=")[2]
    assert client_as(CLARA).get(at).status_code == 404
    user = CLARA.user
    user.roles.append(role)
    session.commit()
    clara = client_as(CLARA)
    assert "Carnés" in clara.get(at).text
    assert "Save as a new preset" in clara.get(at).text
    assert clara.get(own).status_code == 404
    for what in ("edit", "delete"):
        path = f"/contacts/export/presets/{number}/{what}"
        assert clara.post(path, data={"name": "Otro"}).status_code == 404
    assert client_as(ALICIA).post(f"/contacts/export/presets/{number}/delete").status_code == 302


def test_a_preset_is_not_shared_with_a_role_of_others(client_as, session):
    role = ALICIA.user.roles[0]
    assert save_preset(client_as(BRUNO), role=str(role.id)).status_code == 400


def test_a_preset_needs_a_name_of_its_own(client_as, session):
    browser = client_as(BRUNO)
    reply = save_preset(browser, " ")
    assert reply.status_code == 422
    assert "Enter a name" in reply.text
    assert re.search(r'value="xlsx" checked', reply.text)
    save_preset(browser)
    assert "already exists" in save_preset(browser, "carnes").text


def test_presets_are_no_tabs_of_the_list(client_as, session):
    browser = client_as(BRUNO)
    browser.get(save_preset(browser, "Carnés").location)
    assert "Carnés" not in browser.get("/contacts/list/").text
    assert "Carnés" not in browser.get("/contacts/views/").text
    assert browser.get("/").status_code == 200
