"""A tab with the rows of another screen: drawn as its list, counted together, within the rights."""

from __future__ import annotations

import re

import pytest
from flask_appbuilder import Model
from flask_appbuilder.security.sqla.models import PermissionView, Role
from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.models import Account
from app.crud.interface import ScopedInterface
from app.crud.modelview import ModelView
from app.crud.relatedtab import RelatedTab
from app.entities.models import Entity
from app.extensions import db
from app.log.models import Logged
from app.models import VersionedRow
from app.security.areas import Area
from app.security.scope import Scoped
from app.trash.models import Trashable
from app.trash.services import move_to_trash
from tests.contracts.pagereader import find_post_form
from tests.factories import an_account, the_entity
from tests.people import ALICIA, BRUNO, CLARA, Person, add_person
from tests.sample import sample_app

HOW_MANY_TABS = 12
MOST_STATEMENTS = 20


def declare():
    class Order(Model, VersionedRow, Scoped, Trashable, Logged):
        __tablename__ = "sample_order"
        name: Mapped[str] = mapped_column(String(80), info={"label": "Title"})
        entity_id: Mapped[int] = mapped_column(ForeignKey("entity.id"))
        account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"), index=True)
        entity: Mapped[Entity] = relationship(info={"label": "Entity"})
        account: Mapped[Account | None] = relationship(info={"label": "Account"})

        def __str__(self) -> str:
            return self.name

    class OrderView(ModelView):
        datamodel = ScopedInterface(Order)
        route_base = "/sample-orders"
        label, singular, add_title = "Orders", "Order", "New order"
        area = Area.CONTACTS
        list_columns = ("name", "account", "entity")
        search_columns = ("account",)
        edit_columns = ("name", "account", "entity")
        base_sort = "id"

    tabs = [
        type(f"Tab{n}", (RelatedTab,), {"model": Account, "screen": OrderView, "by": "account",
                                        "name": f"orders{n}", "label": f"Orders {n}"})
        for n in range(HOW_MANY_TABS - 1)
    ]  # fmt: skip

    class AccountOrders(RelatedTab):
        model, screen, by = Account, OrderView, "account"

    return {"Order": Order, "OrderView": OrderView, "tabs": [*tabs, AccountOrders]}


@pytest.fixture(scope="module")
def app(database, tmp_path_factory):
    with sample_app(database, tmp_path_factory.mktemp("sample"), declare) as app:
        yield app


@pytest.fixture
def account(session) -> Account:
    return an_account("Norte")


def orders(app, account: Account, how_many: int, entity: str = "Norte") -> list:
    rows = [
        app.sample.Order(name=f"Order {entity} {n}", entity=the_entity(entity), account=account)
        for n in range(1, how_many + 1)
    ]
    db.session.add_all(rows)
    db.session.commit()
    return rows


def names(page: str) -> list[str]:
    return re.findall(r"</i>(Order [^<]*)</a>", page)


def badge(page: str, tab: str) -> str | None:
    link = re.search(rf'<a href="[^"]*\?tab={tab}"[^>]*>(.*?)</a>', page, re.S)[1]
    found = re.search(r'class="badge-count">([^<]*)<', link)
    return found and found[1]


def test_a_file_with_many_tabs_takes_as_few_statements(app, account, client_as, counting):
    orders(app, account, 3)
    browser = client_as(BRUNO)
    for tab in ("", "?tab=sample-orders", "?tab=log"):
        with counting() as statements:
            page = browser.get(f"/accounts/show/{account.id}{tab}").text
        # Those declared here, the contacts and the log.
        assert page.count("badge-count") == HOW_MANY_TABS + 2
        assert len(statements) <= MOST_STATEMENTS, statements


def test_a_tab_shows_and_counts_only_what_the_list_would(app, account, client_as):
    mine = orders(app, account, 4)
    orders(app, account, 1, "Sur")
    orders(app, an_account("Norte"), 1)
    move_to_trash(mine[0], BRUNO.as_actor())
    db.session.commit()
    url = f"/accounts/show/{account.id}?tab=sample-orders"
    page = client_as(BRUNO).get(url).text
    assert names(page) == ["Order Norte 2", "Order Norte 3", "Order Norte 4"]
    assert badge(page, "sample-orders") == "3"
    page = client_as(ALICIA).get(url).text
    assert badge(page, "sample-orders") == "4"
    assert "Order Sur 1" in page
    # The account being shown is no column.
    assert "<span>Account</span>" not in page
    assert ">Account<" not in page.split('class="related"')[1]


def test_a_long_tab_is_turned_and_sorted_in_place(app, account, client_as):
    orders(app, account, 30)
    browser, url = client_as(BRUNO), f"/accounts/show/{account.id}"
    page = browser.get(f"{url}?tab=sample-orders").text
    assert len(names(page)) == RelatedTab.page_size
    assert "1–25 of 30" in page
    assert f'href="/sample-orders/list/?account__is={account.id}"' in page
    following = re.search(r'href="(\?tab=sample-orders&amp;after=[^"]*)"', page)[1]
    page = browser.get(url + following.replace("&amp;", "&")).text
    assert names(page) == [f"Order Norte {n}" for n in range(26, 31)]
    page = browser.get(f"{url}?tab=sample-orders&sort=-name").text
    assert names(page)[:2] == ["Order Norte 9", "Order Norte 8"]
    # Parameters of the list are not those of the tab.
    assert browser.get(f"{url}?tab=sample-orders&sort=nope").status_code == 400
    assert browser.get(f"{url}?tab=sample-orders&after=nope").status_code == 400


def test_the_form_of_a_new_row_has_the_link_filled_in(app, account, client_as):
    page = client_as(BRUNO).get(f"/accounts/show/{account.id}?tab=sample-orders").text
    assert "Nothing here yet" in page
    add = re.search(r'href="(/sample-orders/add\?account=\d+)"', page)[1]
    form = find_post_form(client_as(BRUNO).get(add).text)
    assert form.submitted()["account"] == [str(account.id)]
    # Who may only read is not offered it.
    assert "/sample-orders/add" not in client_as(CLARA).get(
        f"/accounts/show/{account.id}?tab=sample-orders"
    ).text  # fmt: skip


def test_who_may_not_open_the_list_has_no_tab_of_it(app, account, client_as):
    orders(app, account, 1)
    allowed = select(PermissionView).where(
        PermissionView.view_menu.has(name="AccountView"),
        PermissionView.permission.has(name="can_show"),
    )
    role = Role(name="Accounts alone", permissions=list(db.session.scalars(allowed)))
    db.session.add(role)
    db.session.flush()
    person = Person("carla", "Norte", "Accounts alone")
    add_person(person)
    browser, url = client_as(person), f"/accounts/show/{account.id}"
    assert "sample-orders" not in browser.get(url).text
    assert browser.get(f"{url}?tab=sample-orders").status_code == 404
