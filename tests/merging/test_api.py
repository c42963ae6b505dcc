"""Merges by the API, and what it refuses."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from app.extensions import db
from app.types import now
from tests.contracts.fingerprint import changed_tables, fingerprint
from tests.factories import a_contact, an_account
from tests.merging.test_merging import merge
from tests.people import BRUNO, CLARA, api_key_header

pytestmark = pytest.mark.usefixtures("session")
URL = "/api/v1/merges/"


def body(stays, gone, **more):
    return {
        "resource": "contacts", "id": stays.id, "version": stays.version, "other_id": gone.id,
        "other_version": gone.version,
    } | more  # fmt: skip


def test_a_program_merges_reads_and_undoes(client_as):
    stays, gone = a_contact(phone="+34911111111"), a_contact(phone="+34922222222")
    browser, key = client_as(None), api_key_header(BRUNO.user.id)
    sent = body(stays, gone, take={"phone": "other"})
    repeated = key | {"Idempotency-Key": "night-1"}
    replies = [browser.post(URL, json=sent, headers=repeated) for _time in range(2)]
    assert [reply.status_code for reply in replies] == [201, 201]
    merge = replies[0].get_json()
    assert merge == replies[1].get_json()
    assert (stays.phone, merge["survivor_id"], merge["why_not_undone"]) == (
        "+34922222222", stays.id, "",
    )  # fmt: skip
    reply = browser.post(f"{URL}{merge['id']}/undo", headers=key)
    assert reply.get_json()["undone_at"] is not None
    assert (stays.phone, gone.is_trashed) == ("+34911111111", False)
    assert browser.post(f"{URL}{merge['id']}/undo", headers=key).status_code == 422


def test_what_is_wrong_is_refused_and_changes_nothing(client_as, connection):
    stays, gone, foreign = a_contact(), a_contact(), a_contact("Sur")
    browser, key = client_as(None), api_key_header(BRUNO.user.id)
    reader = api_key_header(CLARA.user.id)
    before = fingerprint(connection)

    def status(sent, headers=key):
        return browser.post(URL, json=sent, headers=headers).status_code

    assert status(body(stays, foreign)) == 404
    assert status(body(stays, stays)) == 404
    assert status(body(stays, gone, version=9)) == 409
    assert status(body(stays, gone, take={"phone": "mine"})) == 422
    assert status(body(stays, gone, take={"password": "other"})) == 422
    assert status(body(stays, gone, resource="users")) == 422
    assert status(body(stays, gone, extra=1)) == 422
    assert status({"resource": "contacts"}) == 422
    assert status(body(stays, gone), reader) == 403
    assert changed_tables(before, fingerprint(connection)) == []
    assert not db.session.get(type(gone), gone.id).is_trashed


def test_merges_are_listed_page_by_page_with_what_can_be_undone(client_as, counting):
    pairs = [(a_contact(), a_contact()) for _number in range(3)]
    done = [merge(*pair, BRUNO) for pair in pairs]
    hidden = merge(a_contact("Sur"), a_contact("Sur"))
    accounts = merge(an_account(), an_account(), BRUNO)
    browser, key = client_as(None), api_key_header(BRUNO.user.id)
    read = browser.get(f"{URL}?resource=contacts", headers=key).get_json()
    assert [one["id"] for one in read["results"]] == [one.id for one in reversed(done)]
    assert read["next"] is None
    everything = browser.get(URL, headers=key).get_json()["results"]
    assert accounts.id in [one["id"] for one in everything]
    assert hidden.id not in [one["id"] for one in everything]
    assert browser.get(f"{URL}?resource=users", headers=key).status_code == 400
    assert (
        browser.get(f"{URL}?before={done[1].id}", headers=key).get_json()["results"][0]["id"]
        == done[0].id
    )
    for address in ("", f"{done[0].id}", f"{done[0].id}/undo"):
        described = browser.get("/api/v1/openapi.json", headers=key).get_json()["paths"]
        template = re.sub(r"\d+", "{pk}", f"{URL}{address}").replace("/api/v{pk}", "/api/v1")
        assert template in described


def test_a_merge_is_undone_where_operations_are(client_as):
    stays, gone = a_contact(), a_contact()
    done = merge(stays, gone, BRUNO)
    number = done.operation_id
    browser, key = client_as(None), api_key_header(BRUNO.user.id)
    url = f"/api/v1/operations/{number}"
    read = browser.get(url, headers=key).get_json()
    assert (read["action"], read["state"], read["undo_state"]) == ("merge", "done", None)
    replies = [browser.post(f"{url}/undo", headers=key) for _again in range(2)]
    assert [reply.status_code for reply in replies] == [200, 200], replies[0].text
    assert (replies[0].get_json()["undo_state"], replies[0].get_json()["undone"]) == ("done", 2)
    assert not gone.is_trashed
    # Of another one that can no longer be undone, the reason is said.
    late = merge(a_contact(), a_contact(), BRUNO)
    late.undo_until = now() - timedelta(days=1)
    db.session.commit()
    refused = browser.post(f"/api/v1/operations/{late.operation_id}/undo", headers=key)
    assert refused.status_code == 409
    assert "too late" in refused.get_json()["error"]


def test_the_page_of_operations_undoes_a_merge_too(client_as):
    stays, gone = a_contact(), a_contact()
    done = merge(stays, gone, BRUNO)
    address = f"/operations/{done.operation_id}/undo"
    assert client_as(CLARA).post(address).status_code == 404
    assert client_as(BRUNO).post(address).status_code == 302
    assert not gone.is_trashed
