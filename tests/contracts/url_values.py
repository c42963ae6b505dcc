"""Values for the arguments of URL rules: own, foreign, trashed and missing rows.

A route with a new kind of argument needs a line in ``CASE_MAKERS``.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from flask import current_app
from flask_appbuilder.security.sqla.models import ApiKey
from sqlalchemy import func, select
from werkzeug.routing import Rule

from app.contacts.models import Contact
from app.crud.cards import SavedViewsCard
from app.crud.models import SavedView
from app.crud.screens import screen_named
from app.customfields import loading
from app.customfields.slots import SlotField
from app.duplicates.models import DuplicatePair
from app.extensions import db
from app.fieldtypes import get_field_type
from app.imports.exports import reach_of
from app.imports.files import store_upload
from app.imports.models import ExportFile
from app.imports.services import create_run
from app.jobs.services import enqueue
from app.log.models import LogEntry, is_logged
from app.merging.services import merge_rows
from app.operations.selection import Selection
from app.operations.services import create_draft
from app.outbox.models import Message
from app.security.models import OneTimeLink, SignInSession
from app.security.one_time_links import CHOOSE_PASSWORD, make_link
from app.security.scope import Scoped
from app.security.sessions import create_session
from app.staff.models import StaffUser
from app.states.transitions import transitions_of
from app.storage.files import file_folders, write_file
from app.storage.models import StoredFile
from app.trash.models import Trashable
from app.trash.services import move_to_trash
from app.types import now
from tests.customfields.fields import a_field
from tests.factories import a_row, an_operation
from tests.people import ALICIA, api_key_header

MISSING_ID = 2**31 - 2
# (name of the case, arguments of the rule)
Case = tuple[str, dict[str, Any]]
CaseMaker = Callable[["RowPool", Any, StaffUser], Iterator[Case]]


class RowPool:
    """Test rows by model and state, created once for all rules."""

    def __init__(self) -> None:
        self._rows: dict[tuple[type, str], Any] = {}

    def row_id(self, model: type, which: str) -> int:
        """Return the id of a row that is own, foreign, trashed or “foreign, trashed”."""
        if (model, which) not in self._rows:
            row = a_row(model, "Sur" if "foreign" in which else "Norte")
            if is_logged(model):
                _change(row)
            if "trashed" in which:
                move_to_trash(row, ALICIA.as_actor())
            db.session.commit()
            self._rows[model, which] = row.id
        return self._rows[model, which]

    def log_entry(self, model: type, which: str) -> tuple[int, str]:
        """Return the id of a log entry of a change of a row, and the field that changed."""
        query = select(LogEntry).where(
            LogEntry.subject_type == model.__tablename__,  # type: ignore[attr-defined]
            LogEntry.subject_id == self.row_id(model, which),
            LogEntry.event == "changed",
        )
        entry = db.session.scalars(query.order_by(LogEntry.id)).first()
        assert entry is not None, f"a change of {model.__name__} is not logged"
        return entry.id, next(iter(entry.changes))


def _change(row: Any) -> None:
    """Change the first text field of a row, so that there is a log entry."""
    columns = {
        name: attribute.columns[0] for name, attribute in type(row).__mapper__.column_attrs.items()
    }
    types = {name: get_field_type(column).name for name, column in columns.items()}
    # A row without any text has a name that identifies it.
    texts = [name for wanted in ("text", "identifier") for name in types if types[name] == wanted]
    name = next((n for n in texts if "label" in columns[n].info), texts[0])
    setattr(row, name, f"Something else {row.id}")
    db.session.commit()


def url_cases(rows: RowPool, view: Any, rule: Rule, user: StaffUser) -> list[Case]:
    """Return the cases to request of a rule, as seen by ``user``."""
    page, _dot, name = rule.endpoint.rpartition(".")
    arguments = tuple(sorted(rule.arguments))
    keys = ((page, *arguments), (name, *arguments), arguments)
    maker = next((CASE_MAKERS[key] for key in keys if key in CASE_MAKERS), None)
    assert maker is not None, (
        f"{rule.rule} takes {', '.join(arguments)}: add a line to CASE_MAKERS in tests/contracts/url_values.py "
        "with an own, a foreign, a trashed and a missing value"
    )
    return list(maker(rows, view, user))


def _states(view: Any) -> dict[str, str]:
    """Return name of the case → state of the row, for a view over a model."""
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


def _rows(rows: RowPool, view: Any, _user: StaffUser) -> Iterator[Case]:
    for name, made in _states(view).items():
        yield name, {"pk": rows.row_id(view.datamodel.obj, made)}
    yield "missing", {"pk": MISSING_ID}


def _restored(rows: RowPool, view: Any, _user: StaffUser) -> Iterator[Case]:
    model = view.datamodel.obj
    yield "own", {"pk": rows.row_id(model, "trashed")}
    if hasattr(model, "scope"):
        yield "foreign", {"pk": rows.row_id(model, "foreign, trashed")}
    yield "living", {"pk": rows.row_id(model, "own")}
    yield "missing", {"pk": MISSING_ID}


def _entries(rows: RowPool, view: Any, _user: StaffUser) -> Iterator[Case]:
    model = view.datamodel.obj
    for name, made in _states(view).items():
        entry_id, field = rows.log_entry(model, made)
        yield name, {"pk": rows.row_id(model, made), "entry_id": entry_id, "field": field}
    entry_id, field = rows.log_entry(model, "own")
    here = {"pk": rows.row_id(model, "own"), "field": field}
    if "foreign" in _states(view):
        yield "crossed", here | {"entry_id": rows.log_entry(model, "foreign")[0]}
    yield "missing", here | {"entry_id": MISSING_ID}


def _presets(_things: RowPool, view: Any, user: StaffUser) -> Iterator[Case]:
    for name, owner_id, list_name in (
        ("own", user.id, view.preset_key),
        ("foreign", ALICIA.user.id, view.preset_key),
        ("elsewhere", user.id, view.key),
    ):
        row = SavedView(list_name=list_name, name=name, query="", owner_id=owner_id)
        db.session.add(row)
        db.session.commit()
        yield name, {"view_id": row.id}
    yield "missing", {"view_id": MISSING_ID}


def _export_files(_things: RowPool, view: Any, user: StaffUser) -> Iterator[Case]:
    for name, owner in (("own", user), ("foreign", ALICIA.user)):
        written = write_file([b"Nombre"], ".csv")
        actor = owner.as_actor()
        export = ExportFile(
            importer=view.importer.name, choices={}, reach=reach_of(actor), file_name="a.csv",
            file_key=written.key, actor_id=owner.id, expires_at=now() + timedelta(hours=1),
        )  # fmt: skip
        db.session.add(export)
        db.session.commit()
        yield name, {"pk": export.id}
    yield "missing", {"pk": MISSING_ID}


def _export_files_of_contacts(rows: RowPool, _view: Any, user: StaffUser) -> Iterator[Case]:
    yield from _export_files(rows, screen_named("contacts"), user)


def _saved_views(_things: RowPool, view: Any, user: StaffUser) -> Iterator[Case]:
    for name, owner_id, list_name in (
        ("own", user.id, view.key),
        ("foreign", ALICIA.user.id, view.key),
        ("elsewhere", user.id, "nowhere"),
    ):
        row = SavedView(list_name=list_name, name=name, query="", owner_id=owner_id)
        db.session.add(row)
        db.session.commit()
        yield name, {"view_id": row.id}
    yield "missing", {"view_id": MISSING_ID}


def _pickers(_things: RowPool, view: Any, _user: StaffUser) -> Iterator[Case]:
    names = [*view.edit_columns, *view.search_columns]
    links = [name for name in names if view.datamodel.is_relation(name)]
    for name in links[:1]:
        yield "own", {"name": name}
    yield "missing", {"name": "password"}


def _transitions(rows: RowPool, view: Any, user: StaffUser) -> Iterator[Case]:
    names = [one.transition_name() for one in transitions_of(view.datamodel.obj)]
    for case, arguments in _rows(rows, view, user):
        for name in names[:1]:
            yield case, arguments | {"name": name}
    yield "missing", {"pk": MISSING_ID, "name": "nope"}


def _uploads(_things: RowPool, view: Any, user: StaffUser) -> Iterator[Case]:
    own = getattr(view, "importer", None) or screen_named("contacts").importer
    for name, importer, owner in (
        ("own", own, user),
        ("foreign", own, ALICIA.user),
        ("crossed", SimpleNamespace(name="another"), user),
    ):
        stream = io.BytesIO(b"Nombre;Apellidos\nAna;Ruiz\n")
        stored, lines = store_upload(stream, "a.csv", 1_000)
        run = create_run(db.session(), importer, stored, lines, owner.as_actor())
        db.session.commit()
        yield name, {"token": run.token}
    yield "missing", {"token": "A" * 32}


def _photos(rows: RowPool, _view: Any, _user: StaffUser) -> Iterator[Case]:
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


def _files(rows: RowPool, view: Any, _user: StaffUser) -> Iterator[Case]:
    model = Contact if view is None or not hasattr(view, "datamodel") else view.datamodel.obj
    loading.refresh()
    defined = [one for one in SlotField.all() if one.model is model]
    names = [one.name for one in defined if one.info.get("kind") == "file"]
    name = names[0] if names else a_field("file", "Paper", subject=model.__tablename__).name
    place = {"field": name} | ({} if model is not Contact else {"resource": "contacts"})
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


def _provinces(_things: RowPool, _view: Any, _user: StaffUser) -> Iterator[Case]:
    yield "own", {"country": "ES"}
    yield "missing", {"country": "XX"}


def _settings(_things: RowPool, _view: Any, _user: StaffUser) -> Iterator[Case]:
    yield "own", {"key": "country"}
    yield "missing", {"key": "nothing"}


def _rows_of_model(model: type) -> CaseMaker:
    """Return a case maker for pages that are not views over the model."""

    def make(rows: RowPool, _view: Any, _user: StaffUser) -> Iterator[Case]:
        for which in ("own", "foreign", "trashed"):
            yield which, {"pk": rows.row_id(model, which)}
        yield "missing", {"pk": MISSING_ID}

    return make


def _mails(_things: RowPool, _view: Any, user: StaffUser) -> Iterator[Case]:
    for which, to in (("own", user), ("foreign", ALICIA.user)):
        mail = Message(kind="notice", recipient=to.email, state="failed")
        mail.set_recipient(to)
        db.session.add(mail)
        db.session.commit()
        yield which, {"pk": mail.id}
    yield "missing", {"pk": MISSING_ID}


def _jobs(_things: RowPool, _view: Any, user: StaffUser) -> Iterator[Case]:
    for which, whose in (("own", user), ("foreign", ALICIA.user)):
        job = enqueue(db.session(), "matrix", {}, whose.as_actor(), title=f"A job, {which}")
        db.session.commit()
        yield which, {"pk": job.id}
    yield "missing", {"pk": MISSING_ID}


def _operations(rows: RowPool, _view: Any, user: StaffUser) -> Iterator[Case]:
    screen = screen_named("contacts")
    for which, whose in (("own", user), ("foreign", ALICIA.user)):
        selection = Selection(screen, (rows.row_id(Contact, "own"),))
        drafted = create_draft(db.session(), "change_status", selection, whose.as_actor())
        db.session.commit()
        yield which, {"pk": drafted.id}
    yield "missing", {"pk": MISSING_ID}


def _done_operations(_things: RowPool, _view: Any, user: StaffUser) -> Iterator[Case]:
    for which, whose in (("own", user), ("foreign", ALICIA.user)):
        yield which, {"pk": an_operation(whose).id}
    yield "missing", {"pk": MISSING_ID}


def _cards(_things: RowPool, _view: Any, _user: StaffUser) -> Iterator[Case]:
    yield "own", {"name": SavedViewsCard.name}
    yield "missing", {"name": "no-such-card"}


def _links(_things: RowPool, _view: Any, user: StaffUser) -> Iterator[Case]:
    token = make_link(db.session(), OneTimeLink, user, CHOOSE_PASSWORD, 30)
    db.session.commit()
    yield "own", {"token": token}
    yield "missing", {"token": "A" * 43}


def _keys(_things: RowPool, _view: Any, user: StaffUser) -> Iterator[Case]:
    for which, owner in (("own", user), ("foreign", ALICIA.user)):
        api_key_header(owner.id)
        yield which, {"key_id": db.session.scalar(select(func.max(ApiKey.id)))}
    yield "missing", {"key_id": MISSING_ID}


def _sessions(_things: RowPool, _view: Any, user: StaffUser) -> Iterator[Case]:
    for which, whose in (("own", user), ("foreign", ALICIA.user)):
        create_session(db.session(), SignInSession, whose.id)
        db.session.commit()
        query = select(SignInSession.id).where(SignInSession.user_id == whose.id)
        yield which, {"pk": db.session.scalars(query.order_by(SignInSession.id.desc())).first()}
    yield "missing", {"pk": MISSING_ID}


def _mergeable_pairs(rows: RowPool, view: Any, _user: StaffUser) -> Iterator[Case]:
    model = view.datamodel.obj
    own, another = rows.row_id(model, "own"), a_row(model, "Norte").id
    yield "own", {"pk": another, "other_id": own}
    for which in ("foreign", "trashed"):
        yield which, {"pk": own, "other_id": rows.row_id(model, which)}
        yield f"{which} first", {"pk": rows.row_id(model, which), "other_id": own}
    yield "itself", {"pk": own, "other_id": own}
    yield "missing", {"pk": own, "other_id": MISSING_ID}


def _pairs(rows: RowPool, _view: Any, _user: StaffUser) -> Iterator[Case]:
    own = rows.row_id(Contact, "own")
    for which in ("own", "foreign", "trashed"):
        other = rows.row_id(Contact, which) if which != "own" else a_row(Contact, "Norte").id
        low, high = sorted((own, other))
        db.session.merge(DuplicatePair(low_id=low, high_id=high, score=60, reasons=1))
        db.session.commit()
        yield which, {"low_id": low, "high_id": high}
    yield "missing", {"low_id": own, "high_id": MISSING_ID}


def _merges(_rows: RowPool, view: Any, _user: StaffUser) -> Iterator[Case]:
    model = view.datamodel.obj
    for which, entity in (("own", "Norte"), ("foreign", "Sur")):
        pair = a_row(model, entity), a_row(model, entity)
        merge = merge_rows(
            db.session(), *pair, {}, ALICIA.as_actor(), versions=(1, 1), list_name=view.key
        )
        db.session.commit()
        yield which, {"merge_id": merge.id}
    yield "missing", {"merge_id": MISSING_ID}


def _merges_of_contacts(rows: RowPool, _view: Any, user: StaffUser) -> Iterator[Case]:
    for which, arguments in _merges(rows, screen_named("contacts"), user):
        yield which, {"pk": arguments["merge_id"]}


# Keyed by the arguments of the rule, preceded by the view or the method if it needs its own.
CASE_MAKERS: dict[tuple[str, ...], CaseMaker] = {
    ("pk",): _rows,
    ("restore", "pk"): _restored,
    ("entry_id", "field", "pk"): _entries,
    ("view_id",): _saved_views,
    ("edit_preset", "view_id"): _presets,
    ("delete_preset", "view_id"): _presets,
    ("export_download", "pk"): _export_files,
    ("ExportsApi", "pk"): _export_files_of_contacts,
    ("lookup", "name"): _pickers,
    ("card", "name"): _cards,
    ("other_id", "pk"): _mergeable_pairs,
    ("merge_id",): _merges,
    ("MergesApi", "pk"): _merges_of_contacts,
    ("high_id", "low_id"): _pairs,
    ("token",): _uploads,
    ("photo", "name", "pk"): _photos,
    ("field", "pk"): _files,
    ("field", "pk", "resource"): _files,
    ("name", "pk"): _transitions,
    ("country",): _provinces,
    ("OutboxView", "pk"): _mails,
    ("PasswordLinkView", "pk"): _rows_of_model(StaffUser),
    ("RemoveSecondFactorView", "pk"): _rows_of_model(StaffUser),
    ("ContactAccessView", "pk"): _rows_of_model(Contact),
    ("SessionsPage", "pk"): _sessions,
    ("SecurityView", "pk"): _sessions,
    ("ForgottenPasswordView", "token"): _links,
    ("JobsView", "pk"): _jobs,
    ("OperationsView", "pk"): _operations,
    ("OperationsApi", "pk"): _done_operations,
    ("key_id",): _keys,
    ("SettingsApi", "key"): _settings,
}
