"""Custom fields are defined for the whole process: each test withdraws its own."""

from __future__ import annotations

import pytest

from app.customfields import loading


@pytest.fixture(autouse=True)
def _withdraw_fields(app):
    yield
    with app.app_context():
        loading.forget_all()
