"""A custom field of the kind file: from its form to the purge."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.contacts.importers import ContactImporter
from app.contacts.models import Contact
from app.customfields import loading, periodic
from app.customfields.settings import FileTypes, LargestFile
from app.errors import DomainError
from app.extensions import db
from app.jobs.models import Job
from app.jobs.runner import run_now
from app.log.models import LogEntry
from app.settings.services import set_setting
from app.storage import files, queries, services
from app.storage.files import find_file
from app.storage.models import StoredFile, key_of
from app.storage.services import RETENTION, collect_unused_files
from app.trash.services import move_to_trash, purge_all
from app.types import now
from tests.contacts.importing import export_text, import_file
from tests.customfields.fields import a_field
from tests.customfields.test_everywhere import form_of, names, reload
from tests.factories import a_contact
from tests.merging.test_merging import merge
from tests.merging.test_merging import undo as undo_merge
from tests.people import ALICIA, BRUNO, CLARA, api_key_header

PDF = b"%PDF-1.7\n1 0 obj\n"


def sent(contact, field, contents: bytes = PDF, name: str = "ficha médica.pdf", **more: str):
    return form_of(reload(contact), **more) | {field.name: (io.BytesIO(contents), name)}


def upload(browser, contact, field, *args: bytes | str):
    return browser.post(f"/contacts/edit/{contact.id}", data=sent(contact, field, *args))


def download(browser, address: str, **options):
    with browser.get(address, **options) as reply:
        return reply, reply.data


def stored() -> list[str]:
    return list(db.session.scalars(select(StoredFile.name).order_by(StoredFile.id)))


def key_in(contact, field) -> str:
    return key_of(getattr(reload(contact), field.name) or "")


@pytest.fixture
def field(session):
    return a_field("file", "Certificate", label_es="Certificado médico")


@pytest.fixture
def later(monkeypatch):
    """Let so much time pass for the files."""

    def pass_time(delta: timedelta) -> None:
        moment = now() + delta
        for module in (files, queries, services):
            monkeypatch.setattr(module, "now", lambda: moment)

    return pass_time


@pytest.mark.both_databases
def test_a_file_is_uploaded_shown_listed_filtered_and_downloaded(client_as, field):
    browser, contact, other = client_as(BRUNO), a_contact(last_name="Peña"), a_contact()
    assert f'name="{field.name}"' in browser.get(f"/contacts/edit/{contact.id}").text
    assert upload(browser, contact, field).status_code == 302
    address = f"/contacts/file/{contact.id}/{field.name}"
    for page in (f"show/{contact.id}", f"edit/{contact.id}", f"list/?cols=name,{field.name}"):
        text = browser.get(f"/contacts/{page}").text
        assert address in text, page
        assert "ficha médica.pdf" in text, page
    assert names(browser.get(f"/contacts/list/?{field.name}__filled=1").text) == ["Peña"]
    assert browser.get(f"/contacts/list/?sort={field.name}").status_code < 500
    reply, contents = download(browser, address)
    assert (reply.status_code, contents, reply.mimetype) == (200, PDF, "application/pdf")
    assert reply.headers["Content-Disposition"].startswith("attachment;")
    assert "sandbox" in reply.headers["Content-Security-Policy"]
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert browser.get(f"/contacts/file/{other.id}/{field.name}").status_code == 404
    for wrong in ("photo", "last_name", "custom_99", "version"):
        assert browser.get(f"/contacts/file/{contact.id}/{wrong}").status_code == 404, wrong


def test_a_file_is_sent_only_within_rights_and_scope(client_as, field):
    hidden, own = a_contact("Sur"), a_contact()
    for contact in (hidden, own):
        upload(client_as(ALICIA), contact, field)
    reader, headers = client_as(CLARA), api_key_header(CLARA.user.id)
    assert client_as(BRUNO).get(f"/contacts/file/{hidden.id}/{field.name}").status_code == 404
    address = f"/api/v1/files/contacts/{own.id}/{field.name}"
    assert client_as(None).get(address).status_code == 401
    seen, _contents = download(reader, f"/contacts/file/{own.id}/{field.name}")
    assert seen.status_code == reader.get(f"/contacts/show/{own.id}").status_code
    assert client_as(None).delete(f"{address}?version=1", headers=headers).status_code == 403
    upload(reader, own, field, PDF, "other.pdf")
    assert stored() == ["ficha médica.pdf"] * 2


def test_the_trash_names_a_file_without_a_link(client_as, session, field):
    contact, browser = a_contact(), client_as(BRUNO)
    upload(browser, contact, field)
    move_to_trash(reload(contact), BRUNO.as_actor())
    session.commit()
    for page in (f"show/{contact.id}", f"list/?cols=name,{field.name}"):
        text = browser.get(f"/contacts/trash/{page}").text
        assert "ficha médica.pdf" in text
        assert f"/file/{contact.id}/" not in text


def test_what_is_not_taken_is_explained_and_leaves_nothing(client_as, session, field, app):
    contact, browser = a_contact(), client_as(BRUNO)
    set_setting(session, FileTypes, "|pdf|")
    set_setting(session, LargestFile, 1)
    session.commit()
    was_there = {path.name for path in files.file_folders(app.config["DATA_DIR"])[0].glob("*")}
    assert "PDF; up to 1 MB" in browser.get(f"/contacts/edit/{contact.id}").text
    for contents, name in (
        (b"<html>", "page.html"), (b"<html>", "page.pdf"), (b"", "none.pdf"),
        (b"\xff\xd8\xff", "a.jpg"),
    ):  # fmt: skip
        reply = upload(browser, contact, field, contents, name)
        assert reply.status_code == 422, name
        assert f'id="{field.name}-error"' in reply.text, name
    reply = client_as(None).put(
        f"/api/v1/files/contacts/{contact.id}/{field.name}?name=large.pdf&version=1",
        headers=api_key_header(BRUNO.user.id), data=PDF * 70_000,
    )  # fmt: skip
    assert "too large (1 MB" in reply.json["fields"][field.name][0]
    assert stored() == []
    before = {path.name for path in files.file_folders(app.config["DATA_DIR"])[0].glob("*")}
    assert before == was_there


@pytest.mark.both_databases
def test_a_replaced_file_can_be_put_back_until_it_is_gone(client_as, session, field, later):
    contact, browser = a_contact(), client_as(BRUNO)
    upload(browser, contact, field)
    first = key_in(contact, field)
    upload(browser, contact, field, PDF + b"2", "second.pdf")
    log = browser.get(f"/contacts/show/{contact.id}?tab=log").text
    assert "ficha médica.pdf" in log
    assert first not in log
    entry = session.scalars(select(LogEntry).order_by(LogEntry.id.desc())).first()
    browser.post(f"/contacts/putback/{contact.id}/{entry.id}/{field.name}")
    assert key_in(contact, field) == first
    # What was put back is kept, and the other one is deleted in the end.
    later(RETENTION + timedelta(days=1))
    collect_unused_files(session)
    assert find_file(first) is not None
    assert stored() == ["ficha médica.pdf"]
    browser.post(
        f"/contacts/edit/{contact.id}",
        data=form_of(reload(contact), **{f"{field.name}_remove": "1"}),
    )
    assert getattr(reload(contact), field.name) is None
    assert find_file(first) is not None
    later(RETENTION * 3)
    collect_unused_files(session)
    assert find_file(first) is None


@pytest.mark.both_databases
def test_files_of_a_removed_field_are_kept_and_then_go(client_as, session, field, later, app):
    contact = a_contact()
    upload(client_as(BRUNO), contact, field)
    key, name = key_in(contact, field), field.name
    move_to_trash(field, ALICIA.as_actor())
    session.commit()
    loading.refresh()
    later(timedelta(days=3))
    collect_unused_files(session)
    assert session.scalar(select(StoredFile.expires_at)) is None
    field.trashed_at = now() - periodic.KEPT_FOR * 2
    session.commit()
    periodic.EmptyRemovedFields().run(app)
    job = session.scalars(select(Job).where(Job.kind == "custom-field-empty")).one()
    assert run_now(job.id) == "done"
    assert name not in browserless_columns()
    later(RETENTION * 3)
    collect_unused_files(session)
    assert find_file(key) is None


def browserless_columns() -> set[str]:
    return {attribute.key for attribute in Contact.__mapper__.column_attrs}


def test_the_purge_of_a_contact_deletes_its_files(client_as, session, field):
    contact = a_contact()
    upload(client_as(BRUNO), contact, field)
    key = key_in(contact, field)
    move_to_trash(reload(contact), ALICIA.as_actor())
    session.commit()
    # Even if the field itself is in the trash by then.
    move_to_trash(field, ALICIA.as_actor())
    session.commit()
    loading.refresh()
    purge_all(session, Contact, ALICIA.as_actor())
    assert find_file(key) is None
    assert stored() == []


def test_a_duplicate_has_a_copy_of_its_own(client_as, session, field):
    contact, browser = a_contact(), client_as(BRUNO)
    upload(browser, contact, field)
    page = browser.get(f"/contacts/duplicate/{contact.id}").text
    assert f'name="{field.name}_copy"' in page
    data = form_of(contact, last_name="Nueva", _copied=str(contact.id))
    assert (
        browser.post("/contacts/add", data=data | {f"{field.name}_copy": "1"}).status_code == 302
    )
    copy = session.scalars(select(Contact).where(Contact.last_name == "Nueva")).one()
    assert stored() == ["ficha médica.pdf"] * 2
    assert key_in(copy, field) != key_in(contact, field)
    assert download(browser, f"/contacts/file/{copy.id}/{field.name}")[1] == PDF
    # A copy of somebody who may not be seen is nobody's.
    hidden = a_contact("Sur")
    upload(client_as(ALICIA), hidden, field)
    data = form_of(contact, last_name="Otra", _copied=str(hidden.id))
    browser.post("/contacts/add", data=data | {f"{field.name}_copy": "1"})
    other = session.scalars(select(Contact).where(Contact.last_name == "Otra")).one()
    assert getattr(other, field.name) is None


@pytest.mark.both_databases
def test_a_merge_takes_the_file_along_and_its_undoing_gives_it_back(client_as, session, field):
    stays, gone = a_contact(), a_contact()
    upload(client_as(BRUNO), gone, field)
    key = key_in(gone, field)
    done = merge(stays, gone)
    assert key_in(stays, field) == key
    assert download(client_as(BRUNO), f"/contacts/file/{stays.id}/{field.name}")[1] == PDF
    undo_merge(done, stays, gone)
    assert (key_in(stays, field), key_in(gone, field)) == ("", key)
    assert session.scalars(select(StoredFile)).one().owner_id == gone.id
    page = client_as(BRUNO).get(f"/contacts/merge/{stays.id}/{gone.id}")
    assert "ficha médica.pdf" in page.text


@pytest.mark.both_databases
def test_an_export_has_its_name_and_an_import_leaves_it_alone(client_as, session, field, tmp_path):
    contact = a_contact(last_name="Peña")
    upload(client_as(BRUNO), contact, field, PDF, "=1+1.pdf")
    key = key_in(contact, field)
    file = export_text()
    assert "'=1+1.pdf" in file
    assert key not in file
    path = tmp_path / "contacts.csv"
    path.write_text(file.replace("'=1+1.pdf", "other.pdf"))
    report = import_file(path)
    assert (report.unchanged, report.updated) == (1, 0)
    assert field.name not in [one.name for one in ContactImporter().fields()]
    assert key_in(contact, field) == key


def test_the_api_sends_takes_and_removes_a_file(client_as, session, field):
    contact, browser = a_contact(), client_as(None)
    headers = api_key_header(BRUNO.user.id)
    row, address = f"/api/v1/contacts/{contact.id}", f"/api/v1/files/contacts/{contact.id}"
    address = f"{address}/{field.name}"
    assert browser.get(address, headers=headers).status_code == 404
    for query, status in (
        ("?name=a.pdf", 422), ("?version=1", 422), ("?name=a.pdf&version=7", 409),
        ("?name=a.exe&version=1", 422), ("?name=a.pdf&version=1", 204),
    ):  # fmt: skip
        reply = browser.put(f"{address}{query}", headers=headers, data=PDF)
        assert reply.status_code == status, (query, reply.text)
    assert download(browser, address, headers=headers)[1] == PDF
    read = browser.get(row, headers=headers).json
    assert (read[field.name], read["version"]) == ("a.pdf", 2)
    refused = browser.patch(row, headers=headers, json={field.name: "b.pdf", "version": 2})
    assert refused.status_code == 422
    assert "/api/v1/files/" in refused.json["fields"][field.name][0]
    assert stored() == ["a.pdf"]
    assert browser.delete(f"{address}?version=2", headers=headers).status_code == 204
    assert browser.get(address, headers=headers).status_code == 404
    schema = browser.get("/api/v1/openapi.json", headers=headers).json
    assert schema["components"]["schemas"]["Contact"]["properties"][field.name]["readOnly"]


def test_a_file_is_neither_required_nor_converted(client_as, session, field):
    with pytest.raises(DomainError):
        a_field("file", "Other", is_required=True)
    session.rollback()
    admin = client_as(ALICIA)
    assert admin.get(f"/custom-fields/convert/{field.id}").status_code == 404
    text = a_field(label="Licence")
    address = f"/custom-fields/convert/{text.id}"
    assert 'value="file"' not in admin.get(address).text
    assert admin.post(address, data={"kind": "file"}).status_code == 422
    assert "/convert/" not in admin.get(f"/custom-fields/show/{field.id}").text
