"""The address of a model: five columns that know of each other, with or without a prefix."""

from __future__ import annotations

import pytest

from app.accounts.models import Account
from app.addresses import PARTS, address, address_columns, copy_address
from app.contacts.models import Contact
from app.fieldtypes import Hints
from app.settings.kinds import find_setting
from app.settings.services import set_setting
from tests.factories import a_contact, an_account

MADRID = {"street": "Calle Mayor 1", "postcode": "28013", "city": "Madrid", "province": "ES-M", "country": "ES"}  # fmt: skip


@pytest.mark.parametrize(
    ("model", "prefix"), [(Contact, ""), (Account, ""), (Account, "shipping_")]
)
def test_the_columns_of_an_address_have_labels_kinds_and_the_names_of_those_they_depend_on(
    model, prefix
):
    columns = {part: model.__table__.c[f"{prefix}{part}"] for part in PARTS}
    assert all("label" in column.info for column in columns.values())
    assert {part: column.info.get("kind") for part, column in columns.items()} == {
        "street": None, "postcode": "postcode", "city": None, "province": "province", "country": "country",
    }  # fmt: skip
    assert columns["province"].info.get("country", "country") == f"{prefix}country"
    assert columns["province"].info.get("postcode", "postcode") == f"{prefix}postcode"
    assert columns["postcode"].info.get("country", "country") == f"{prefix}country"
    assert columns["city"].info.get("searched", False) is (prefix == "")


def test_without_a_prefix_it_is_the_plain_mixin():
    assert issubclass(Contact, address())
    assert address_columns("shipping_")[0] == "shipping_street"


def test_an_address_is_copied_whole_from_one_row_to_another(session):
    contact, account = a_contact(**MADRID), an_account(shipping_city="Bilbao")
    copy_address(contact, account, to_prefix="shipping_")
    session.commit()
    assert {part: getattr(account, f"shipping_{part}") for part in PARTS} == MADRID
    assert account.city is None


def test_a_value_is_read_as_in_the_organisation_s_country(session):
    assert Hints().country == "ES"
    set_setting(session(), find_setting("country"), "PT")
    session.commit()
    assert Hints().country == "PT"
