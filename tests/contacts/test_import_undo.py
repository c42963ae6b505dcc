"""Undoing an import: what is new goes to the trash, what was changed gets its values back."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.accounts.models import Account
from app.contacts.importers import ContactImporter
from app.contacts.models import Contact, ContactType, Tag
from app.extensions import db
from app.log.models import LogEntry
from app.operations.models import OperationItem
from app.search.queries import search_condition
from tests.factories import a_contact, a_value, an_account, the_value
from tests.importexport.importing import check_file, run_checked, undo
from tests.people import BRUNO

pytestmark = pytest.mark.both_databases


@pytest.fixture
def imported(session, tmp_path):
    """Return a function that imports a file as Bruno."""

    def run(text: str, **options):
        path = tmp_path / "contacts.csv"
        path.write_text(text)
        checked = check_file(ContactImporter(), path, BRUNO.as_actor(), **options)
        return run_checked(checked, BRUNO.as_actor(), 2)

    return run


def the_contact(last_name: str) -> Contact | None:
    db.session.expire_all()
    return db.session.scalar(select(Contact).where(Contact.last_name == last_name))


def test_everything_is_as_it_was(imported):
    tag, donor = a_value(Tag, label_en="VIP"), the_value(ContactType, "Donor")
    luz, sol = an_account(name="Luz"), an_account(name="Sol")
    contact = a_contact(
        last_name="Peña", email="p@example.org", city="Irún", tags=[tag], type=donor, account=luz
    )
    a_contact(last_name="Ruiz", email="r@example.org")
    run = imported(
        "email,last name,city,tags,type,account,birth date\n"
        "p@example.org,Peña Soler,Vigo,To be completed,Member,Sol,1980-02-03\n"
        "r@example.org,Ruiz,Vigo,,,Sol,\nn@example.org,Nueva,Lugo,VIP,,,\n"
    )
    changed = the_contact("Peña Soler")
    assert (changed.city, changed.account, changed.type.label_en) == ("Vigo", sol, "Member")

    operation = undo(run, BRUNO.as_actor(), 2)

    assert (operation.undone, operation.kept) == (3, 0)
    contact = the_contact("Peña")
    assert (contact.city, contact.tags, contact.type, contact.account, contact.birth_date) == (
        "Irún", [tag], donor, luz, None,
    )  # fmt: skip
    other = the_contact("Ruiz")
    assert (other.city, other.account) == (None, None)
    assert the_contact("Nueva") is None
    query = select(Contact).where(Contact.last_name == "Nueva")
    trashed = db.session.scalars(query.execution_options(with_trash=True)).one()
    assert trashed.trashed_by_id == BRUNO.user.id
    found = select(Contact).where(search_condition(db.session(), Contact, "peña luz"))
    assert db.session.scalars(found).all() == [contact]
    entries = db.session.scalars(
        select(LogEntry)
        .where(LogEntry.subject_id == contact.id, LogEntry.subject_type == "contact")
        .order_by(LogEntry.id)
    ).all()
    assert [entry.event for entry in entries] == ["created", "changed", "changed"]
    assert entries[2].changes == {
        key: [new, old] for key, (old, new) in entries[1].changes.items()
    }
    assert {entry.operation_id for entry in entries[1:]} == {operation.id}


def test_what_was_changed_since_is_kept_and_listed(imported):
    one = a_contact(last_name="Peña", email="p@example.org", city="Irún")
    two = a_contact(last_name="Ruiz", email="r@example.org", city="Irún")
    run = imported(
        "email,last name,city\np@example.org,Peña,Vigo\nr@example.org,Ruiz,Vigo\n"
        "n@example.org,Nueva,Lugo\nm@example.org,Otra,Lugo\n"
    )
    one.city = "Lugo"
    # Another field does not matter.
    two.notes = "called"
    db.session.commit()
    the_contact("Nueva").notes = "called"
    db.session.commit()

    operation = undo(run, BRUNO.as_actor())

    assert (operation.undone, operation.kept) == (2, 2)
    assert the_contact("Peña").city == "Lugo"
    assert (the_contact("Ruiz").city, the_contact("Ruiz").notes) == ("Irún", "called")
    assert (the_contact("Nueva").city, the_contact("Otra")) == ("Lugo", None)
    reasons = select(OperationItem.undone_reason).where(OperationItem.undone == "kept")
    assert list(db.session.scalars(reasons)) == ["since", "since"]
    assert undo(run, BRUNO.as_actor()).undone == 2, "a second time does nothing"


def test_a_value_that_is_gone_or_taken_is_not_put_back(imported):
    luz = an_account(name="Luz")
    an_account(name="Sol")
    a_contact(last_name="Peña", email="p@example.org", account=luz)
    a_contact(last_name="Ruiz", email="r@example.org", number="S-1")
    run = imported(
        "email,last name,account,number\np@example.org,Peña,Sol,\nr@example.org,Ruiz,,S-2\n",
        match="email",
    )
    db.session.delete(db.session.get(Account, luz.id))
    a_contact(last_name="Vega", number="S-1")
    operation = undo(run, BRUNO.as_actor())
    assert (operation.undone, operation.kept) == (0, 2)
    items = select(OperationItem.undone_reason).order_by(OperationItem.row_id)
    assert list(db.session.scalars(items)) == ["vanished", "“S-1” is already in use."]
    assert the_contact("Ruiz").number == "S-2"
