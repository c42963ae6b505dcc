"""Change type: one value for all, or none."""

from __future__ import annotations

import pytest

from app.contacts.actions.change_type import ChangeType
from app.contacts.models import ContactType
from tests.contacts.actions.values import (
    assert_it_can_be_emptied,
    assert_only_living_values_are_offered,
    assert_the_log_puts_it_back,
)

pytestmark = [pytest.mark.usefixtures("session"), pytest.mark.both_databases]


def test_the_field_can_be_emptied():
    assert_it_can_be_emptied(ChangeType, "type", ContactType)


def test_inactive_values_are_not_offered():
    assert_only_living_values_are_offered(ChangeType, "type", ContactType)


def test_the_value_can_be_put_back_from_the_log():
    assert_the_log_puts_it_back(ChangeType, "type", ContactType)


def test_an_answer_is_required_and_none_is_an_answer():
    assert not ChangeType.build_form({"type": [""]}).validate()
    assert not ChangeType.build_form({"type": ["None"]}).validate()
    assert ChangeType.build_form({"type": ["none"]}).validate()
