"""Numbers and names for the addresses that take some: one's own, another's, trashed, missing.

A route with a new kind of argument needs a line in ``MAKERS``.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

from flask import current_app
from flask_appbuilder.security.sqla.models import ApiKey
from sqlalchemy import func, select
from werkzeug.routing import Rule

from app.contacts.models import Contact
from app.crud.models import SavedView
from app.importexport.uploads import store_upload
from app.extensions import db
from app.jobs.services import enqueue
from app.fieldtypes import get_field_type
from app.log.models import LogEntry, is_logged
from app.mails.models import Mail
from app.operations.selection import Selection, find_screen
from app.operations.services import create_draft
from app.security.one_time_links import CHOOSE_PASSWORD, make_link
from app.security.models import SignInSession
from app.security.scope import Scoped
from app.security.sessions import create_session
from app.staff.models import StaffUser
from app.storage.services import photo_folder
from app.trash.models import Trashable
from app.trash.services import move_to_trash
from tests.factories import a_row, an_operation
from tests.people import ALICIA, with_key

NOBODYS = 2**31 - 2
# (what it is, the arguments of the address)
Case = tuple[str, dict[str, Any]]
Maker = Callable[["Things", Any, StaffUser], Iterator[Case]]


class Things:
    """Rows made once, for all the addresses that name one."""

    def __init__(self) -> None:
        self._rows: dict[tuple[type, str], Any] = {}

    def number(self, model: type, which: str) -> int:
        """Return the number of a row of a model: own, foreign, trashed or foreign and trashed."""
        if (model, which) not in self._rows:
            row = a_row(model, "Sur" if "foreign" in which else "Norte")
            if is_logged(model):
                _change(row)
            if "trashed" in which:
                move_to_trash(row, ALICIA.as_actor())
            db.session.commit()
            self._rows[model, which] = row.id
        return self._rows[model, which]

    def entry(self, model: type, which: str) -> tuple[int, str]:
        """Return a line of the log of a row that tells of a change, and the field it changed."""
        query = select(LogEntry).where(
            LogEntry.subject_type == model.__tablename__,  # type: ignore[attr-defined]
            LogEntry.subject_id == self.number(model, which),
            LogEntry.event == "changed",
        )
        entry = db.session.scalars(query.order_by(LogEntry.id)).first()
        assert entry is not None, f"a change of {model.__name__} is not logged"
        return entry.id, next(iter(entry.changes))


def _change(row: Any) -> None:
    """Write something else into the first field of plain text, so that the log tells of it."""
    columns = {name: found.columns[0] for name, found in type(row).__mapper__.column_attrs.items()}
    texts = [name for name, column in columns.items() if get_field_type(column).name == "text"]
    name = next((n for n in texts if "label" in columns[n].info), texts[0])
    setattr(row, name, f"Something else {row.id}")
    db.session.commit()


def cases(things: Things, view: Any, rule: Rule, user: StaffUser) -> list[Case]:
    """Return what an address may be asked about, by somebody."""
    page, _dot, name = rule.endpoint.rpartition(".")
    arguments = tuple(sorted(rule.arguments))
    keys = ((page, *arguments), (name, *arguments), arguments)
    maker = next((MAKERS[key] for key in keys if key in MAKERS), None)
    assert maker is not None, (
        f"{rule.rule} takes {', '.join(arguments)}: add a line to MAKERS in tests/contracts/url_values.py "
        "that makes one's own, a foreign, a trashed and a missing one"
    )
    return list(maker(things, view, user))


def _states(view: Any) -> dict[str, str]:
    """Return the rows there are for a screen: what each is to it, and how it is made."""
    model = view.datamodel.obj
    states = {"own": "own"}
    if hasattr(model, "scope"):
        states["foreign"] = "foreign"
    if issubclass(model, Trashable):
        states["trashed"] = "trashed"
    if view.datamodel.with_trash:
        states = {"own": "trashed", "foreign": "foreign, trashed", "living": "own"}
        states = states if issubclass(model, Scoped) else states | {"foreign": ""}
    return {name: made for name, made in states.items() if made}


def _rows(things: Things, view: Any, _user: StaffUser) -> Iterator[Case]:
    for name, made in _states(view).items():
        yield name, {"pk": things.number(view.datamodel.obj, made)}
    yield "missing", {"pk": NOBODYS}


def _restored(things: Things, view: Any, _user: StaffUser) -> Iterator[Case]:
    model = view.datamodel.obj
    yield "own", {"pk": things.number(model, "trashed")}
    if hasattr(model, "scope"):
        yield "foreign", {"pk": things.number(model, "foreign, trashed")}
    yield "living", {"pk": things.number(model, "own")}
    yield "missing", {"pk": NOBODYS}


def _entries(things: Things, view: Any, _user: StaffUser) -> Iterator[Case]:
    model = view.datamodel.obj
    for name, made in _states(view).items():
        entry_id, field = things.entry(model, made)
        yield name, {"pk": things.number(model, made), "entry_id": entry_id, "field": field}
    entry_id, field = things.entry(model, "own")
    here = {"pk": things.number(model, "own"), "field": field}
    if "foreign" in _states(view):
        yield "crossed", here | {"entry_id": things.entry(model, "foreign")[0]}
    yield "missing", here | {"entry_id": NOBODYS}


def _saved_views(_things: Things, view: Any, user: StaffUser) -> Iterator[Case]:
    for name, owner_id, list_name in (
        ("own", user.id, view.list_name),
        ("foreign", ALICIA.user.id, view.list_name),
        ("elsewhere", user.id, "nowhere"),
    ):
        row = SavedView(list_name=list_name, name=name, query="", owner_id=owner_id)
        db.session.add(row)
        db.session.commit()
        yield name, {"view_id": row.id}
    yield "missing", {"view_id": NOBODYS}


def _pickers(_things: Things, view: Any, _user: StaffUser) -> Iterator[Case]:
    names = [*view.edit_columns, *view.search_columns]
    links = [name for name in names if view.datamodel.is_relation(name)]
    for name in links[:1]:
        yield "own", {"name": name}
    yield "missing", {"name": "password"}


def _uploads(_things: Things, _view: Any, user: StaffUser) -> Iterator[Case]:
    folder = current_app.config["DATA_DIR"]
    for name, owner_id in (("own", user.id), ("foreign", ALICIA.user.id)):
        upload = store_upload(
            io.BytesIO(b"Nombre;Apellidos\nAna;Ruiz\n"), "a.csv", owner_id, folder
        )
        yield name, {"token": upload.token}
    yield "missing", {"token": "A" * 32}


def _photos(things: Things, _view: Any, _user: StaffUser) -> Iterator[Case]:
    folder = photo_folder(current_app.config["DATA_DIR"])
    folder.mkdir(exist_ok=True)
    (folder / "face.jpg").write_bytes(b"a face")
    for name in ("own", "foreign", "trashed"):
        number = things.number(Contact, name)
        query = select(Contact).where(Contact.id == number).execution_options(with_trash=True)
        db.session.scalars(query).one().photo = "face.jpg"
        db.session.commit()
        yield name, {"pk": number, "name": "face.jpg"}
    yield "crossed", {"pk": things.number(Contact, "own"), "name": "another.jpg"}
    yield "missing", {"pk": NOBODYS, "name": "face.jpg"}


def _provinces(_things: Things, _view: Any, _user: StaffUser) -> Iterator[Case]:
    yield "own", {"country": "ES"}
    yield "missing", {"country": "XX"}


def _of_model(model: type) -> Maker:
    """Return a maker of rows of a model, for pages that are not screens over it."""

    def make(things: Things, _view: Any, _user: StaffUser) -> Iterator[Case]:
        for which in ("own", "foreign", "trashed"):
            yield which, {"pk": things.number(model, which)}
        yield "missing", {"pk": NOBODYS}

    return make


def _mails(_things: Things, _view: Any, user: StaffUser) -> Iterator[Case]:
    for which, to in (("own", user), ("foreign", ALICIA.user)):
        mail = Mail(kind="notice", user_id=to.id, recipient=to.email, state="failed")
        db.session.add(mail)
        db.session.commit()
        yield which, {"pk": mail.id}
    yield "missing", {"pk": NOBODYS}


def _jobs(_things: Things, _view: Any, user: StaffUser) -> Iterator[Case]:
    for which, whose in (("own", user), ("foreign", ALICIA.user)):
        job = enqueue(db.session(), "matrix", {}, whose.as_actor(), title=f"A job, {which}")
        db.session.commit()
        yield which, {"pk": job.id}
    yield "missing", {"pk": NOBODYS}


def _operations(things: Things, _view: Any, user: StaffUser) -> Iterator[Case]:
    screen = find_screen("contacts")
    for which, whose in (("own", user), ("foreign", ALICIA.user)):
        selection = Selection(screen, (things.number(Contact, "own"),))
        drafted = create_draft(db.session(), "change_status", selection, whose.as_actor())
        db.session.commit()
        yield which, {"pk": drafted.id}
    yield "missing", {"pk": NOBODYS}


def _done_operations(_things: Things, _view: Any, user: StaffUser) -> Iterator[Case]:
    for which, whose in (("own", user), ("foreign", ALICIA.user)):
        yield which, {"pk": an_operation(whose).id}
    yield "missing", {"pk": NOBODYS}


def _links(_things: Things, _view: Any, user: StaffUser) -> Iterator[Case]:
    token = make_link(db.session(), user, CHOOSE_PASSWORD, 30)
    db.session.commit()
    yield "own", {"token": token}
    yield "missing", {"token": "A" * 43}


def _keys(_things: Things, _view: Any, user: StaffUser) -> Iterator[Case]:
    for which, owner in (("own", user), ("foreign", ALICIA.user)):
        with_key(owner.id)
        yield which, {"key_id": db.session.scalar(select(func.max(ApiKey.id)))}
    yield "missing", {"key_id": NOBODYS}


def _sessions(_things: Things, _view: Any, user: StaffUser) -> Iterator[Case]:
    for which, whose in (("own", user), ("foreign", ALICIA.user)):
        create_session(db.session(), whose.id)
        db.session.commit()
        query = select(SignInSession.id).where(SignInSession.user_id == whose.id)
        yield which, {"pk": db.session.scalars(query.order_by(SignInSession.id.desc())).first()}
    yield "missing", {"pk": NOBODYS}


# By the arguments of the address; a page, or a method of it, may have a maker of its own.
MAKERS: dict[tuple[str, ...], Maker] = {
    ("pk",): _rows,
    ("restore", "pk"): _restored,
    ("entry_id", "field", "pk"): _entries,
    ("view_id",): _saved_views,
    ("lookup", "name"): _pickers,
    ("token",): _uploads,
    ("photo", "name", "pk"): _photos,
    ("country",): _provinces,
    ("OutboxView", "pk"): _mails,
    ("PasswordLinkView", "pk"): _of_model(StaffUser),
    ("RemoveSecondFactorView", "pk"): _of_model(StaffUser),
    ("ContactAccessView", "pk"): _of_model(Contact),
    ("SessionsPage", "pk"): _sessions,
    ("SecurityView", "pk"): _sessions,
    ("ForgottenPasswordView", "token"): _links,
    ("JobsView", "pk"): _jobs,
    ("OperationsView", "pk"): _operations,
    ("OperationsApi", "pk"): _done_operations,
    ("key_id",): _keys,
}
