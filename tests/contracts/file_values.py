"""Values for the arguments of the addresses of photos and files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import current_app
from sqlalchemy import select

from app.contacts.models import Contact
from app.customfields import loading
from app.customfields.slots import SlotField
from app.extensions import db
from app.storage.files import file_folders, write_file
from app.storage.models import StoredFile
from tests.customfields.fields import a_field

MISSING_ID = 2**31 - 2
Case = tuple[str, dict[str, Any]]


def photo_cases(rows: Any, _view: Any, _user: Any) -> Iterator[Case]:
    """Yield the cases of the address of a photo."""
    # As earlier versions stored them.
    folder = file_folders(current_app.config["DATA_DIR"])[-1]
    folder.mkdir(exist_ok=True)
    (folder / "face.jpg").write_bytes(b"a face")
    for name in ("own", "foreign", "trashed"):
        number = rows.row_id(Contact, name)
        query = select(Contact).where(Contact.id == number).execution_options(with_trash=True)
        db.session.scalars(query).one().photo = "face.jpg"
        db.session.commit()
        yield name, {"pk": number, "name": "face.jpg"}
    yield "crossed", {"pk": rows.row_id(Contact, "own"), "name": "another.jpg"}
    yield "missing", {"pk": MISSING_ID, "name": "face.jpg"}


def file_cases(rows: Any, view: Any, _user: Any) -> Iterator[Case]:
    """Yield the cases of the address of a file of a custom field, which is defined if need be."""
    is_api = not hasattr(view, "datamodel")
    model = Contact if is_api else view.datamodel.obj
    loading.refresh()
    defined = [one for one in SlotField.all() if one.model is model]
    names = [one.name for one in defined if one.info.get("kind") == "file"]
    name = names[0] if names else a_field("file", "Paper", subject=model.__tablename__).name
    # The API names the list in its address, a list does not.
    place = {"field": name} | ({"resource": "contacts"} if is_api else {})
    for which in ("own", "foreign", "trashed"):
        written = write_file([b"%PDF-"], "")
        number = rows.row_id(model, which)
        query = select(model).where(model.id == number).execution_options(with_trash=True)
        stored = StoredFile(key=written.key, name="a.pdf", type="application/pdf", size=5)
        db.session.add(stored)
        setattr(db.session.scalars(query).one(), name, f"{written.key}/a.pdf")
        db.session.commit()
        yield which, place | {"pk": number}
    yield "crossed", place | {"pk": rows.row_id(model, "own"), "field": "last_name"}
    yield "missing", place | {"pk": MISSING_ID}
