"""What a column may do to the contacts that are there: overwrite, fill in, add, erase."""

from __future__ import annotations

import pytest

from app.contacts.models import ContactType, Tag
from app.errors import DomainError
from tests.contacts.importing import counts
from tests.contacts.test_import import get_contact, load
from tests.factories import a_contact, a_value, an_account, the_value

pytestmark = pytest.mark.both_databases

# ``load`` is a fixture.
__all__ = ["load"]

FILE = "email,last name,city,type,tags,account\np@example.org,Peña,{}\n"
FULL, EMPTY = "Vigo,Member,VIP,Sol", ",,,"


@pytest.fixture
def contact(session):
    an_account(name="Sol")
    a_value(Tag, label_en="VIP")
    return a_contact(
        last_name="Peña", email="p@example.org", city="Irún", type=the_value(ContactType, "Donor"),
        tags=[the_value(Tag, "To be completed")], account=an_account(name="Luz"),
    )  # fmt: skip


def values() -> tuple:
    found = get_contact("Peña")
    tags = sorted(str(tag) for tag in found.tags)
    return found.city, str(found.type or ""), tags, str(found.account or "")


def every(policy: str, tags: str = "") -> dict[str, str]:
    return dict.fromkeys(("city", "type", "account"), policy) | {"tags": tags or policy}


def test_filling_in_leaves_what_is_there(load, contact):
    before = values()
    assert counts(load(FILE.format(FULL), policies=every("fill"))) == {"unchanged": 1}
    assert values() == before
    contact.city, contact.type, contact.tags, contact.account = None, None, [], None
    assert counts(load(FILE.format(FULL), policies=every("fill"))) == {"updated": 1}
    assert values() == ("Vigo", "Member", ["VIP"], "Sol")


def test_tags_are_added_to_those_there_are(load, contact):
    policies = every("fill", "add")
    assert counts(load(FILE.format(FULL), policies=policies)) == {"updated": 1}
    assert values()[2] == ["To be completed", "VIP"]
    assert counts(load(FILE.format(FULL), policies=policies)) == {"unchanged": 1}
    with pytest.raises(DomainError, match="not possible"):
        load(FILE.format(FULL), policies={"city": "add"})


def test_empty_cells_erase_only_when_asked_and_the_check_counts_them(load, contact):
    mapping = {"type": "type", "tags": "tags"}
    assert counts(load(FILE.format(EMPTY), mapping=mapping)) == {"unchanged": 1}
    options = {"mapping": mapping, "policies": every("erase")}
    assert load(FILE.format(EMPTY), dry_run=True, **options).erased == 4
    assert counts(load(FILE.format(EMPTY), **options)) == {"updated": 1}
    assert values() == (None, "", [], "")
    assert counts(load(FILE.format(EMPTY), **options)) == {"unchanged": 1}


def test_doubtful_rows_become_new_when_asked(load, contact):
    text = "email,first name,last name\np@example.org,Hijo,Soler\n"
    assert counts(load(text)) == {"conflict": 1}
    assert counts(load(text, doubtful_as_new=True)) == {"new": 1}
    assert counts(load(text)) == {"unchanged": 1}
