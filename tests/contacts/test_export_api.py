"""Exports by the API: the job and the file of the pages, with the rights of the key's owner."""

from __future__ import annotations

import csv
import io

import pytest
from sqlalchemy import select

from app.extensions import db
from app.imports.models import ExportFile
from app.jobs.models import Job
from app.jobs.runner import run_now
from app.log.models import LogEntry
from tests.factories import a_contact, an_account
from tests.people import ALICIA, BRUNO, DIEGO, api_key_header

BASE = "/api/v1/exports/"


@pytest.fixture
def client(app, session):
    return app.test_client()


def ask(client, person=BRUNO, **sent):
    return client.post(BASE, json=sent, headers=api_key_header(person.user.id))


def finish(reply) -> ExportFile:
    assert reply.status_code == 202, reply.text
    export = db.session.get_one(ExportFile, reply.json["export"])
    job = export.job_id
    db.session.commit()
    run_now(job)
    assert db.session.get_one(Job, job, populate_existing=True).state == "done"
    return db.session.get_one(ExportFile, export.id, populate_existing=True)


def test_a_program_exports_the_rows_of_a_filter(client, session):
    one = a_contact(first_name="Ana", last_name="Uno", city="Lugo")
    a_contact(city="Vigo")
    reply = ask(
        client, resource="contacts", fields=["city", "last_name"], filter={"city__contains": "lugo"},
        keys=True,
    )  # fmt: skip
    assert reply.json["state"] == "queued"
    assert reply.json["file"] is None
    assert (
        client.get(
            f"{BASE}{reply.json['export']}/file", headers=api_key_header(BRUNO.user.id)
        ).status_code
        == 409
    )
    export = finish(reply)
    shown = client.get(reply.headers["Location"], headers=api_key_header(BRUNO.user.id)).json
    assert (shown["state"], shown["rows"]) == ("done", 1)
    with client.get(shown["file"], headers=api_key_header(BRUNO.user.id)) as file:
        rows = list(csv.reader(io.StringIO(file.data.decode("utf-8-sig"), newline="")))
    assert rows == [["_id", "_version", "City", "Last name"], [str(one.id), "1", "Lugo", "Uno"]]
    for person in (ALICIA, DIEGO):
        for path in (f"{BASE}{export.id}", f"{BASE}{export.id}/file"):
            assert client.get(path, headers=api_key_header(person.user.id)).status_code in (
                403,
                404,
            )
    entries = session.scalars(select(LogEntry).where(LogEntry.event == "exported")).all()
    assert [entry.channel for entry in entries] == ["api"]


@pytest.mark.parametrize("name", ["xlsx", "vcf"])
def test_other_formats_and_ids(client, session, name):
    one = a_contact()
    a_contact()
    export = finish(ask(client, resource="contacts", format=name, ids=[one.id]))
    assert export.rows == 1


def test_accounts_are_exported_too(client, session):
    an_account()
    assert finish(ask(client, resource="accounts")).rows >= 1


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({}, "resource"),
        ({"resource": "users"}, "resource"),
        ({"resource": 1}, "resource"),
        ({"resource": "contacts", "format": "pdf"}, "format"),
        ({"resource": "contacts", "format": ["csv"]}, "format"),
        ({"resource": "contacts", "fields": ["password"]}, "fields"),
        ({"resource": "contacts", "fields": []}, "fields"),
        ({"resource": "contacts", "fields": [["city"]]}, "fields"),
        ({"resource": "contacts", "keys": 1}, "keys"),
        ({"resource": "contacts", "ids": [True]}, "ids"),
        ({"resource": "contacts", "ids": [1], "filter": {}}, "ids"),
        ({"resource": "contacts", "filter": {"nope": 1}}, "filter"),
        ({"resource": "contacts", "filter": {"nope__is": 1}}, "filter"),
        ({"resource": "contacts", "filter": []}, "filter"),
        ({"resource": "contacts", "more": 1}, "more"),
    ],
)
def test_a_wrong_field_is_named(client, session, sent, field):
    reply = ask(client, **sent)
    assert (reply.status_code, [*reply.json["fields"]]) == (422, [field])


def test_ids_out_of_scope_are_refused(client, session):
    foreign = a_contact("Sur")
    assert ask(client, resource="contacts", ids=[foreign.id]).status_code == 403


def test_who_may_not_export_is_refused(client, session):
    assert ask(client, DIEGO, resource="contacts").status_code == 403
