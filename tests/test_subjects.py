"""What hangs on a row is seen by those who see that row, and by nobody else."""

from __future__ import annotations

from typing import ClassVar

import pytest
from flask_appbuilder import Model
from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, mapped_column

from app.accounts.models import Account
from app.contacts.models import Contact
from app.extensions import db
from app.models import VersionedRow
from app.security.actor import NOBODY, SYSTEM, contact_actor
from app.security.scope import visible
from app.staff.models import StaffUser
from app.subjects import Attached, Discussed, Documented, load_subjects, marked, model_named
from app.trash.services import move_to_trash, purge_all, restore
from tests.factories import a_contact, an_account
from tests.people import ALICIA, BRUNO
from tests.sample import sample_app

pytestmark = [pytest.mark.usefixtures("session"), pytest.mark.both_databases]


def declare():
    class Note(Model, VersionedRow, Attached):
        __tablename__ = "sample_note"
        __table_args__ = Attached.subject_index("sample_note")
        attaches_to: ClassVar = Discussed
        text: Mapped[str] = mapped_column(String(40))

    class PortalRow: ...

    class SharedNote(Model, VersionedRow, Attached):
        __tablename__ = "sample_shared_note"
        __table_args__ = Attached.subject_index("sample_shared_note")
        attaches_to: ClassVar = PortalRow

        @classmethod
        def portal_scope(cls, actor):
            return cls.subject_scope(actor)

    class Profile(Model, VersionedRow, PortalRow):
        __tablename__ = "sample_profile"
        contact_id: Mapped[int]

        @classmethod
        def scope(cls, actor):
            return cls.id > 0

        @classmethod
        def portal_scope(cls, actor):
            return cls.contact_id == actor.contact_id

    return {"Note": Note, "SharedNote": SharedNote, "Profile": Profile}


@pytest.fixture(scope="module")
def app(database, tmp_path_factory):
    with sample_app(database, tmp_path_factory.mktemp("sample"), declare) as app:
        yield app


@pytest.fixture
def a_note(app):
    """Hang a note on a row."""

    def add(subject, text: str = "Rang"):
        note = app.sample.Note(text=text)
        note.subject = subject
        db.session.add(note)
        db.session.commit()
        return note

    return add


def seen(model, actor, **options) -> list[str]:
    query = visible(model, actor).with_only_columns(model.text).order_by(model.text)
    return list(db.session.scalars(query, execution_options=options))


def test_a_row_is_seen_by_those_who_see_its_subject(app, a_note):
    (
        a_note(a_contact(), "north"),
        a_note(a_contact("Sur"), "south"),
        a_note(an_account(), "account"),
    )
    note = app.sample.Note
    assert seen(note, BRUNO.as_actor()) == ["account", "north"]
    assert seen(note, ALICIA.as_actor()) == seen(note, SYSTEM) == ["account", "north", "south"]
    # It is denied by default, even to the contact that it is about.
    (contact,) = db.session.scalars(select(Contact).where(Contact.entity.has(name="Sur")))
    assert seen(note, contact_actor(contact.id, "Ana")) == seen(note, NOBODY) == []


def test_a_contact_sees_what_a_model_shows_them_by_their_own_rows(app, session):
    for number in (1, 2):
        profile = app.sample.Profile(contact_id=number)
        session.add(profile)
        session.flush()
        note = app.sample.SharedNote()
        note.subject = profile
        session.add(note)
    session.flush()
    query = visible(app.sample.SharedNote, contact_actor(2, "Ana"))
    assert [note.subject.contact_id for note in session.scalars(query)] == [2]


def test_a_row_is_hidden_while_its_subject_is_in_the_trash(app, session, a_note):
    contact = a_contact()
    note = a_note(contact)
    move_to_trash(contact, SYSTEM)
    session.commit()
    assert seen(app.sample.Note, BRUNO.as_actor()) == []
    # Also where the criterion of the session that hides trashed rows is off, as in operations.
    assert seen(app.sample.Note, BRUNO.as_actor(), with_trash=True) == []
    assert note.subject is contact
    restore(contact)
    session.commit()
    assert seen(app.sample.Note, BRUNO.as_actor()) == ["Rang"]


def test_what_hangs_on_a_row_is_deleted_with_it(session, app, a_note):
    contact, other = a_contact(), a_contact()
    a_note(contact), a_note(other, "Stays")
    move_to_trash(contact, SYSTEM)
    session.commit()
    purge_all(db.session(), Contact, SYSTEM)
    assert list(session.scalars(select(app.sample.Note.text))) == ["Stays"]


def test_a_list_takes_one_statement_and_its_subjects_one_for_each_model(app, a_note, counting):
    subjects = [a_contact(), an_account(), a_contact(), a_contact("Sur")]
    for subject in subjects:
        a_note(subject)
    actor = BRUNO.as_actor()
    db.session.expire_all()
    with counting() as statements:
        notes = list(db.session.scalars(visible(app.sample.Note, actor)))
        found = load_subjects(db.session(), notes)
    assert {str(found[note.id]) for note in notes} == {str(row) for row in subjects[:3]}
    assert len(statements) == 3


def test_a_row_hangs_only_on_models_with_its_marker(app):
    with pytest.raises(TypeError):
        app.sample.Note().subject = BRUNO.user
    assert {Account, Contact} <= set(marked(Discussed)) & set(marked(Documented))


def test_a_table_names_the_model_that_says_who_sees_its_rows():
    assert model_named("contact") is Contact
    # Flask-AppBuilder's own class shares the table.
    assert model_named("ab_user") is StaffUser
    assert model_named("nothing") is None
