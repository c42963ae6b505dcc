"""The demo data is what somebody who tries the program sees first."""

from __future__ import annotations

import re
from itertools import combinations

from sqlalchemy import select

from app.accounts.models import Account
from app.contacts.demo import FIRST_NAMES, WOMEN, fill_with_demo
from app.contacts.models import Contact
from app.duplicates.comparing import compare, read_facts
from app.extensions import db


def test_salutations_positions_and_addresses_fit_the_names(session):
    fill_with_demo(db.session())
    contacts = db.session.scalars(select(Contact)).all()
    assert len(contacts) == 161
    assert set(FIRST_NAMES) > WOMEN
    for contact in contacts:
        is_woman = contact.first_name in WOMEN
        assert contact.salutation in (None, "ms" if is_woman else "mr"), contact
        if contact.position and not contact.position.startswith("Responsable"):
            assert contact.position.split()[0].endswith("a") == is_woman, contact.position
    emails = [c.email for c in (*contacts, *db.session.scalars(select(Account))) if c.email]
    assert len(emails) == len(set(emails))
    assert [e for e in emails if not re.fullmatch(r"[a-z.]+@example\.(org|net|com)", e)] == []


def test_one_of_the_people_is_there_twice(session):
    fill_with_demo(db.session())
    contacts = {row.id: read_facts(row) for row in db.session.scalars(select(Contact))}
    scores = [compare(*pair)[0] for pair in combinations(contacts.values(), 2)]
    assert sum(score > 100 for score in scores) == 1
