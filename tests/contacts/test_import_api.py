"""The API imports a file with the code of the pages: upload, check, run, report, undo."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from app.contacts.models import Contact
from app.imports.models import ImportRun
from tests.people import ALICIA, BRUNO, CLARA, api_key_header

FILE = "Apellidos;Nombre;Correo\nPeña;Ana;p@example.org\nRuiz;Eva;no-mail\n"
AT = "/api/v1/imports/"


@pytest.fixture
def call(client_as):
    """Ask the API in somebody's name."""
    browser = client_as(None)

    def ask(person, method: str, url: str, body: str | None = None, **more):
        headers = api_key_header(person.user.id)
        return browser.open(url, method=method, data=body, headers=headers, **more)

    return ask


def upload(call, person=BRUNO, query: str = "resource=contacts", body: str = FILE):
    return call(person, "POST", f"{AT}?{query}", body, content_type="text/csv")


def test_a_file_is_uploaded_checked_imported_and_undone(call, session):
    reply = upload(call)
    checked = reply.get_json()
    assert reply.status_code == 201
    assert (checked["state"], checked["new"], checked["invalid"]) == ("checked", 1, 1)
    assert checked["mapping"] == {
        "Apellidos": "last_name", "Nombre": "first_name", "Correo": "email",
    }  # fmt: skip
    assert session.scalar(select(Contact).where(Contact.email == "p@example.org")) is None
    found = call(BRUNO, "GET", checked["problems"]).get_json()
    assert [(one["row"], one["field"], one["cell"]) for one in found["results"]] == [
        (3, "email", "no-mail")
    ]
    run = {"json": {"plan_hash": checked["plan_hash"]}}
    first, second = (call(BRUNO, "POST", f"{checked['url']}/run", **run) for _turn in range(2))
    done = first.get_json()
    assert (first.status_code, done["state"], done["new"], done["rows"]) == (200, "imported", 1, 2)
    assert second.get_json() == done
    assert session.scalar(select(Contact.last_name).where(Contact.email == "p@example.org"))
    assert call(ALICIA, "GET", checked["url"]).status_code == 404
    undone = call(BRUNO, "POST", f"{checked['url']}/undo").get_json()
    assert undone["undo_state"] == "done"
    assert session.scalar(select(Contact).where(Contact.email == "p@example.org")) is None


def test_choices_are_query_parameters(call, session):
    query = "resource=contacts&map=Nombre=&policy=Correo=fill&doubtful=new&day_order=dmy"
    checked = upload(call, query=query).get_json()
    assert checked["ignored"] == ["Nombre"]
    run = session.scalars(select(ImportRun)).one()
    assert run.plan["policies"] == {"email": "fill"}
    assert run.plan["doubtful_as_new"] is True


@pytest.mark.parametrize(
    ("query", "body", "field"),
    [
        ("resource=nope", FILE, "resource"),
        ("", FILE, "resource"),
        ("resource=contacts&doubtful=x", FILE, "doubtful"),
        ("resource=contacts&create_values=1", FILE, "create_values"),
        ("resource=contacts&policy=Correo=x", FILE, "policy"),
        ("resource=contacts", "", "file"),
        ("resource=contacts", "Apellidos\n", "file"),
        ("resource=contacts&map=nonsense", FILE, None),
        ("resource=contacts&map=Correo=nope", FILE, None),
        ("resource=contacts&encoding=nope", FILE, None),
        ("resource=contacts&entity=nope", FILE, None),
        ("resource=contacts&country=nope", FILE, "country"),
    ],
)
def test_wrong_choices_are_refused_and_nothing_is_kept(call, session, query, body, field):
    reply = upload(call, query=query, body=body)
    assert reply.status_code == 422, reply.text
    assert reply.get_json()["error"]
    assert list(reply.get_json()["fields"]) == ([field] if field else [])
    assert session.scalar(select(func.count(ImportRun.id))) == 0


def test_the_type_of_the_body_does_not_matter(call):
    for kind in ("application/x-www-form-urlencoded", "application/octet-stream", "text/plain"):
        reply = call(BRUNO, "POST", f"{AT}?resource=contacts", FILE, content_type=kind)
        assert reply.status_code == 201, (kind, reply.text)


def test_an_unknown_parameter_is_refused(call):
    assert upload(call, query="resource=contacts&nope=1").status_code == 400


def test_what_was_checked_is_what_runs(call):
    url = upload(call).get_json()["url"]
    reply = call(BRUNO, "POST", f"{url}/run", json={"plan_hash": "0" * 64})
    assert reply.status_code == 409
    for sent in ({}, {"plan_hash": 1}, {"plan_hash": "x", "more": 1}):
        assert call(BRUNO, "POST", f"{url}/run", json=sent).status_code == 422
    assert call(BRUNO, "POST", f"{url}/undo").status_code == 409


def test_who_may_not_import_is_refused(call):
    assert upload(call, CLARA).status_code == 403


def test_the_document_describes_imports(call):
    paths = call(BRUNO, "GET", "/api/v1/openapi.json").get_json()["paths"]
    found = {path.removeprefix(AT): sorted(paths[path]) for path in paths if path.startswith(AT)}
    assert set(found) == {"", "{token}", "{token}/problems", "{token}/run", "{token}/undo"}
