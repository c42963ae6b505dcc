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


def test_it_can_be_emptied():
    assert_it_can_be_emptied(ChangeStatus, "status", Status)


def test_what_is_no_longer_in_use_is_not_offered():
    assert_only_living_values_are_offered(ChangeStatus, "status", Status)


def test_the_log_puts_one_back():
    assert_the_log_puts_it_back(ChangeStatus, "status", Status)


def test_an_answer_is_needed_and_none_is_one():
    assert not ChangeStatus.build_form({"status": [""]}).validate()
    assert not ChangeStatus.build_form({"status": ["None"]}).validate()
    assert ChangeStatus.build_form({"status": ["none"]}).validate()
