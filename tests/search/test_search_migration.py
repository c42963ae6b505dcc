"""The migration that adds city and position to the search texts and stores provinces as codes."""

from __future__ import annotations

import pytest
from flask_migrate import downgrade, upgrade
from sqlalchemy import text

from app.accounts.models import Account
from app.contacts.models import Contact
from app.extensions import db
from tests.databases import migrated_app
from tests.factories import a_contact, an_account
from tests.people import seed_people

pytestmark = pytest.mark.both_databases

RAW = {
    ("Barcelona", "ES"): "ES-B",
    ("coruña (a)", None): "ES-C",
    ("Illes Balears", ""): "ES-PM",
    ("Barcelona", "VE"): "Barcelona",
    ("cac", "ES"): "cac",
    ("ES-A", "ES"): "ES-A",
}


def texts(model) -> dict[int, str]:
    return dict(db.session.execute(text(f"SELECT row_id, text FROM {model.__tablename__}_search")).all())  # fmt: skip


def test_search_texts_and_provinces_are_migrated_there_and_back(database, tmp_path):
    with migrated_app(database, tmp_path) as app, app.app_context():
        seed_people(app.appbuilder.grants())
        account = an_account(name="Imprenta Luz", city="Mérida", shipping_province="Girona",
                             shipping_country="ES")  # fmt: skip
        a_contact(city="Cáceres", position="Presidenta", account=account)
        a_contact(city="Plasencia")
        wanted = {a_contact(province=raw, country=country).id: code for (raw, country), code in RAW.items()}  # fmt: skip
        db.session.commit()
        account_id, after = account.id, {model: texts(model) for model in (Contact, Account)}
        db.session.remove()

        downgrade(revision="0005")
        before = " ".join([*texts(Contact).values(), *texts(Account).values()])
        assert not {word for word in ("caceres", "presidenta", "plasencia", "merida") if word in before}  # fmt: skip
        db.session.remove()
        upgrade()

        assert {model: texts(model) for model in (Contact, Account)} == after
        stored = {number: db.session.get(Contact, number).province for number in wanted}
        assert stored == wanted
        assert db.session.get(Account, account_id).shipping_province == "ES-GI"
        db.session.remove()
