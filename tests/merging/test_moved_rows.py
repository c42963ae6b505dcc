"""What hangs on a merged contact moves, and of two participants of one activity one is kept."""

from __future__ import annotations

from typing import ClassVar

import pytest
from flask_appbuilder import Model
from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, mapped_column

from app.contacts.models import Contact
from app.errors import Locked
from app.extensions import db
from app.i18n.counted import Counted
from app.log.models import LogEntry
from app.merging.mergerule import KeepOneRow, MergeRule, merge_rules
from app.models import VersionedRow
from app.security.scope import OpenToStaff
from app.states.locks import Lock
from app.subjects import Attached, Discussed
from tests.contracts.test_merge_rules import references_to
from tests.factories import a_contact, an_account
from tests.merging.test_merging import found, merge, undo
from tests.people import BRUNO
from tests.sample import sample_app

pytestmark = [pytest.mark.usefixtures("session"), pytest.mark.both_databases]


def declare():
    class Note(Model, VersionedRow, Attached):
        __tablename__ = "sample_note"
        __table_args__ = Attached.subject_index("sample_note")
        attaches_to: ClassVar = Discussed
        text: Mapped[str] = mapped_column(String(40))

        def __str__(self) -> str:
            return self.text

    class Participant(Model, VersionedRow, OpenToStaff):
        __tablename__ = "sample_participant"
        contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id"))
        activity_id: Mapped[int]

    class KeepOneParticipant(KeepOneRow):
        """Nobody takes part twice."""

        target, rows = Contact, Participant
        attribute, unique_with = "contact_id", ("activity_id",)
        words = Counted("%(num)s activity", "%(num)s activities")

    return {"Note": Note, "Participant": Participant, "Rule": KeepOneParticipant}


@pytest.fixture(scope="module")
def app(database, tmp_path_factory):
    with sample_app(database, tmp_path_factory.mktemp("sample"), declare) as app:
        yield app


def a_note(app, subject, text):
    note = app.sample.Note(text=text)
    note.subject = subject
    db.session.add(note)
    db.session.commit()
    return note


def a_participant(app, contact, activity):
    row = app.sample.Participant(contact_id=contact.id, activity_id=activity)
    db.session.add(row)
    db.session.commit()
    return row


def test_notes_move_and_go_back_but_for_those_that_were_changed_since(app, client_as):
    stays, gone = a_contact(), a_contact()
    notes = [a_note(app, gone, text) for text in ("Rang", "Wrote")]
    own = a_note(app, stays, "Called")
    page = client_as(BRUNO).get(f"/contacts/merge/{stays.id}/{gone.id}").text
    assert "2 documents or notes" in page

    done = merge(stays, gone)
    assert {note.subject_id for note in (*notes, own)} == {stays.id}

    notes[1].text = "Wrote twice"
    db.session.commit()
    undo(done, stays, gone)
    assert [note.subject_id for note in (*notes, own)] == [gone.id, stays.id, stays.id]
    assert done.kept == [["MoveAttached:sample_note", notes[1].id, "changed"]]
    page = client_as(BRUNO).get(f"/contacts/merged/{done.id}").text
    assert "Wrote twice" in page


def test_of_two_participants_of_one_activity_that_of_the_contact_who_stays_is_kept(app):
    stays, gone = a_contact(), a_contact()
    both = a_participant(app, stays, 1), a_participant(app, gone, 1)
    other = a_participant(app, gone, 2)

    done = merge(stays, gone)
    assert [row.contact_id for row in (*both, other)] == [stays.id, gone.id, stays.id]
    assert done.counts == {"KeepOneParticipant": 1}

    undo(done, stays, gone)
    assert [row.contact_id for row in (*both, other)] == [stays.id, gone.id, gone.id]


def test_a_table_without_a_rule_is_noticed(app, monkeypatch):
    rules = [rule for rule in MergeRule._registered if rule is not app.sample.Rule]
    monkeypatch.setattr(MergeRule, "_registered", rules)
    covered = set().union(*(rule.references() for rule in merge_rules(Contact)))
    assert references_to(Contact) - covered == {("sample_participant", "contact_id")}


def test_ten_times_as_many_contacts_of_an_account_move_by_as_many_statements(
    client_as, counting, monkeypatch
):
    numbers = []
    for count in (2, 20):
        stays, gone = an_account(), an_account(name="Álvarez e Hijos")
        contacts = [a_contact(account=gone) for _number in range(count)]
        versions = [row.version for row in contacts]
        with counting() as statements:
            done = merge(stays, gone)
        numbers.append(len(statements))
        assert {row.account_id for row in contacts} == {stays.id}
        assert [row.version for row in contacts] == [version + 1 for version in versions]
        entry = db.session.scalars(
            select(LogEntry).where(LogEntry.subject_type == "contact").order_by(LogEntry.id.desc())
        ).first()
        assert entry.changes == {"account_id": [[gone.id, str(gone)], [stays.id, str(stays)]]}
        assert entry.subject_name == str(contacts[-1])
        assert (entry.version, entry.operation_id) == (contacts[-1].version, done.operation_id)
        contacts[0].notes = "Changed since"
        db.session.commit()
        with counting() as statements:
            undo(done, stays, gone)
        numbers.append(len(statements))
        assert {row.account_id for row in contacts[1:]} == {gone.id}
        assert contacts[0].account_id == stays.id
        assert done.kept == [["MoveContacts", contacts[0].id, "changed"]]
    assert numbers[:2] == numbers[2:]


def test_contacts_move_in_several_chunks_and_are_found_by_the_new_name(monkeypatch):
    monkeypatch.setattr("app.merging.mergerule.CHUNK_SIZE", 2)
    stays, gone = an_account(name="Zubizarreta"), an_account(name="Goikoetxea")
    contacts = [a_contact(account=gone, last_name=f"Ruiz {number}") for number in range(5)]
    ids = {row.id for row in contacts}
    done = merge(stays, gone)
    assert found("zubizarreta ruiz") == ids
    assert found("goikoetxea ruiz") == set()
    undo(done, stays, gone)
    assert found("goikoetxea ruiz") == ids


def test_a_row_that_must_not_be_changed_stops_the_merge(monkeypatch):
    class NobodyMoves(Lock):
        model, message = Contact, "Contacts of this account stay."

        def locked(self, row):
            return row.last_name == "Fixed"

    try:
        stays, gone = an_account(), an_account()
        a_contact(account=gone, last_name="Fixed")
        with pytest.raises(Locked, match="stay"):
            merge(stays, gone)
    finally:
        Lock._registered.remove(NobodyMoves)
    db.session.rollback()
