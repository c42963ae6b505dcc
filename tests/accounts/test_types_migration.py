"""The migration that made the types of accounts a list: values, accounts and saved views follow."""

from __future__ import annotations

import pytest
from flask_migrate import check, downgrade, upgrade
from sqlalchemy import select, text

from app.accounts.commands.seeding import AccountTypes
from app.accounts.models import Account, AccountType
from app.crud.models import SavedView
from app.extensions import db
from tests.databases import migrated_app
from tests.factories import a_value, an_account, the_value
from tests.people import ALICIA, seed_people

pytestmark = pytest.mark.both_databases


def column(statement: str) -> list[str]:
    found = list(db.session.scalars(text(statement)))
    db.session.remove()
    return found


def test_types_and_what_views_filter_by_are_carried_there_and_back(database, tmp_path):
    with migrated_app(database, tmp_path) as app, app.app_context():
        seed_people(app.appbuilder.grants())
        AccountTypes().seed(False)
        ids = {}
        for name in ("Supplier", "Other"):
            ids[name] = the_value(AccountType, name).id
            an_account(type=the_value(AccountType, name))
        an_account(type=a_value(AccountType))
        an_account()
        query = f"?q=a&type__is={ids['Supplier']},{ids['Other']}&city__is=x"
        user_id = ALICIA.user.id
        db.session.add(SavedView(list_name="accounts", name="v", query=query, owner_id=user_id))
        db.session.add(SavedView(list_name="contacts", name="w", query=query, owner_id=user_id))
        db.session.commit()
        db.session.remove()

        downgrade(revision="0030")
        assert column("SELECT type FROM account ORDER BY id") == [
            "supplier", "other", "other", "other",
        ]  # fmt: skip
        queries = column("SELECT query FROM saved_view ORDER BY id")
        assert queries == ["?q=a&type__is=supplier,other&city__is=x", query]

        upgrade()
        types = db.session.scalars(select(Account).order_by(Account.id)).all()
        assert [row.type.label_en for row in types] == ["Supplier", "Other", "Other", "Other"]
        assert next(row.label_es for row in db.session.scalars(select(AccountType))) == "Cliente"
        ids = {row.label_en: row.id for row in db.session.scalars(select(AccountType))}
        stored = db.session.scalar(select(SavedView.query).where(SavedView.name == "v"))
        assert stored == f"?q=a&type__is={ids['Supplier']},{ids['Other']}&city__is=x"
        db.session.remove()
        check()
