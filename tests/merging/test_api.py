"""Merges by the API, and what it refuses."""

from __future__ import annotations

import pytest

from app.extensions import db
from tests.contracts.fingerprint import changed_tables, fingerprint
from tests.factories import a_contact
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
