"""Change status: one value for all, or none."""

from __future__ import annotations

import pytest

from app.contacts.actions.change_status import ChangeStatus
from app.contacts.models import Status
from tests.contacts.actions.values import (
    assert_it_can_be_emptied,
    assert_only_living_values_are_offered,
    assert_the_log_puts_it_back,
)

pytestmark = [pytest.mark.usefixtures("session"), pytest.mark.both_databases]


def test_the_field_can_be_emptied():
    assert_it_can_be_emptied(ChangeStatus, "status", Status)


def test_inactive_values_are_not_offered():
    assert_only_living_values_are_offered(ChangeStatus, "status", Status)


def test_the_value_can_be_put_back_from_the_log():
    assert_the_log_puts_it_back(ChangeStatus, "status", Status)


def test_an_answer_is_required_and_none_is_an_answer():
    assert not ChangeStatus.build_form({"status": [""]}).validate()
    assert not ChangeStatus.build_form({"status": ["None"]}).validate()
    assert ChangeStatus.build_form({"status": ["none"]}).validate()
