"""Lines belong to a row: its form, version, log and API have them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from app.contacts.models import ContactType
from app.extensions import db
from app.log.models import LogEntry
from app.security.actor import contact_actor
from app.security.scope import visible
from tests.factories import an_account, the_entity, the_value
from tests.people import ALICIA, BRUNO, CLARA, api_key_header
from tests.sample import sample_app
from tests.sample.orders import declare


@pytest.fixture(scope="module")
def app(database, tmp_path_factory):
    with sample_app(database, tmp_path_factory.mktemp("sample"), declare) as app:
        yield app


@pytest.fixture
def order(app, session) -> Any:
    sample = app.sample
    lines = [
        sample.SampleLine(text="Ropa", quantity=Decimal(2), price=Decimal("9.50"), position=1),
        sample.SampleLine(text="Libro", price=Decimal("20.00"), position=2),
    ]
    row = sample.SampleOrder(name="Pedido", entity=the_entity("Norte"), lines=lines)
    session.add(row)
    session.commit()
    return row


def typed(order: Any, *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return form data: the order and its lines."""
    data = {"version": order.version, "name": order.name, "entity": order.entity_id,
            "lines-sent": "1", **more}  # fmt: skip
    for index, line in enumerate(lines):
        data |= {f"lines-{index}-{key}": value for key, value in line.items()}
    return data


def stored(order: Any) -> list[tuple[str, Decimal, Decimal | None]]:
    db.session.expire_all()
    return [(line.text, line.quantity, line.price) for line in order.lines]


def entries(order: Any) -> list[LogEntry]:
    query = select(LogEntry).where(LogEntry.subject_type == "sample_order")
    return list(db.session.scalars(query.order_by(LogEntry.id)))


def rows_of(page: str) -> list[tuple[str, str]]:
    """Return (index, text) of the lines in a form, in order."""
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    inputs = re.findall(r'<input[^>]*name="lines-(\d+)-text"[^>]*>', body)
    values = re.findall(r'<input[^>]*name="lines-\d+-text"[^>]*value="([^"]*)"', body)
    return list(zip(inputs, values, strict=True))


def select_of(page: str, name: str) -> str:
    """Return the options of a select."""
    return page.partition(f'name="{name}"')[2].partition("</select>")[0]


@pytest.mark.both_databases
def test_a_form_changes_adds_removes_and_sorts_lines_in_one_version(client_as, order):
    second = order.lines[1]
    version = order.version
    data = typed(
        order,
        {"text": "Nuevo", "quantity": "1.5", "price": ""},
        {"id": second.id, "text": "Libro", "quantity": "1", "price": "21"},
        {"text": "", "quantity": "1", "price": ""},
    )
    reply = client_as(BRUNO).post(f"/sample-orders/edit/{order.id}", data=data)
    assert reply.status_code == 302, reply.text
    assert stored(order) == [
        ("Nuevo", Decimal("1.5"), None),
        ("Libro", Decimal(1), Decimal(21)),
    ]
    assert order.lines[1].id == second.id
    assert order.version == version + 1
    last = entries(order)[-1]
    assert [line["text"] for line in last.changes["lines"][0]] == ["Ropa", "Libro"]
    assert [line["price"] for line in last.changes["lines"][1]] == [None, "21.00"]


def test_a_form_that_changes_nothing_writes_nothing(client_as, order):
    page = client_as(BRUNO).get(f"/sample-orders/edit/{order.id}").text
    names = re.findall(r'name="(lines-[^"]+)" type="\w+" value="([^"]*)"', page)
    data = typed(order) | dict(names)
    before = len(entries(order))
    assert len(names) > 6
    client_as(BRUNO).post(f"/sample-orders/edit/{order.id}", data=data)
    assert len(entries(order)) == before


def test_buttons_add_move_and_remove_lines_without_a_script(client_as, order):
    lines = [{"id": line.id, "text": line.text} for line in order.lines]
    browser = client_as(BRUNO)

    def press(button: str) -> list[tuple[str, str]]:
        data = typed(order, *lines, _lines=f"lines:{button}")
        reply = browser.post(f"/sample-orders/edit/{order.id}", data=data)
        assert reply.status_code == 200
        assert 'class="error" id=' not in reply.text
        return rows_of(reply.text)

    assert press("add") == [("0", "Ropa"), ("1", "Libro"), ("2", "")]
    assert press("down:0") == [("1", "Libro"), ("0", "Ropa")]
    assert press("up:1") == [("1", "Libro"), ("0", "Ropa")]
    assert press("up:0") == [("0", "Ropa"), ("1", "Libro")]
    assert press("remove:0") == [("1", "Libro")]
    assert press("remove:77") == press("nonsense") == [("0", "Ropa"), ("1", "Libro")]
    assert len(stored(order)) == 2


def test_a_wrong_value_is_explained_beside_its_line_and_everything_stays(client_as, order):
    data = typed(order, {"text": "García O'Neil <script>", "price": "much"}, {"price": "3"})
    reply = client_as(BRUNO).post(f"/sample-orders/edit/{order.id}", data=data)
    assert reply.status_code == 422
    assert 'id="lines-0-price-error"' in reply.text
    assert 'id="lines-1-text-error"' in reply.text
    assert 'value="much"' in reply.text
    assert "<script>" not in reply.text.partition("García")[2][:40]
    assert "Line 2, Text" in reply.text
    assert len(stored(order)) == 2


@pytest.mark.parametrize("wrong", [{"price": "12,x"}, {"type": "99999"}])
def test_a_new_line_of_which_all_that_was_typed_is_wrong_is_kept(client_as, order, wrong):
    blank = {"text": "", "quantity": "1", "price": "", "type": ""}
    data = typed(order, blank | wrong, blank)
    reply = client_as(BRUNO).post(f"/sample-orders/edit/{order.id}", data=data)
    assert reply.status_code == 422
    assert f'id="lines-0-{next(iter(wrong))}-error"' in reply.text
    assert 'id="lines-1-text-error"' not in reply.text


@pytest.mark.parametrize("sent_by", [{"_find": "lines-2-account"}, {}], ids=["button", "Enter"])
def test_a_search_in_a_new_line_without_a_script_finds_and_saves_nothing(
    client_as, order, sent_by
):
    an_account(name="Imprenta Luz")
    an_account(name="Luz del Sur", entity="Sur")
    same = [{"id": line.id, "text": line.text} for line in order.lines]
    new = {"text": "", "quantity": "1", "price": "", "type": "", "account": ""}
    search = {"account_find": "luz", "account_found": ""}
    browser, url = client_as(BRUNO), f"/sample-orders/edit/{order.id}"
    reply = browser.post(url, data=typed(order, *same, new | search, name="Otro", **sent_by))
    assert reply.status_code == 422
    assert order.name == "Pedido"
    chosen = re.findall(r'<option value="(\d+)">([^<]+)', select_of(reply.text, "lines-2-account"))
    assert [label for _id, label in chosen] == ["Imprenta Luz"]
    # What else the line needs is asked for when the form is saved.
    assert re.findall(r'id="(lines-[^"]*)-error"', reply.text) == ["lines-2-account"]

    found = {"text": "Cartel", "account_find": "luz", "account_found": "luz"}
    data = typed(order, *same, new | found | {"account": chosen[0][0]})
    assert browser.post(url, data=data).status_code == 302
    db.session.expire_all()
    assert str(order.lines[2].account) == "Imprenta Luz"


def test_too_many_lines_are_refused_and_kept(client_as, order):
    data = typed(order, *({"text": f"Línea {n}"} for n in range(202)))
    reply = client_as(BRUNO).post(f"/sample-orders/edit/{order.id}", data=data)
    assert reply.status_code == 422
    assert "200 lines" in reply.text
    assert "Línea 200" in reply.text


def test_a_stale_form_shows_the_lines_of_both(client_as, order):
    data = typed(order, {"text": "Mío"})
    order.lines[0].text = "Suyo"
    db.session.commit()
    reply = client_as(BRUNO).post(f"/sample-orders/edit/{order.id}", data=data)
    assert reply.status_code == 409
    conflict = reply.text.partition('id="lines-conflict"')[2][:600]
    assert "Suyo" in conflict
    assert "Mío" in conflict
    # What only the other person changed is taken over.
    order.name = "Otro"
    db.session.commit()


def test_lines_that_only_the_other_person_changed_are_taken_over(client_as, order):
    same = [{"id": line.id, "text": line.text, "quantity": f"{line.quantity:f}",
             "price": f"{line.price:f}"} for line in order.lines]  # fmt: skip
    data = typed(order, *same, name="Otro nombre")
    order.lines[0].text = "Suyo"
    db.session.commit()
    reply = client_as(BRUNO).post(f"/sample-orders/edit/{order.id}", data=data)
    assert reply.status_code == 409
    assert rows_of(reply.text) == [("0", "Suyo"), ("1", "Libro")]


def test_the_log_says_which_lines_changed_and_puts_them_back(client_as, order):
    kind = the_value(ContactType, "Member")
    order.lines[0].type = kind
    order.lines[0].price = Decimal("11.25")
    del order.lines[1]
    db.session.commit()
    browser = client_as(BRUNO)
    page = browser.get(f"/sample-orders/show/{order.id}?tab=log").text
    assert "Ropa · 2 · €11.25 · Member" in page
    assert "Libro · 1 · €20.00" in page
    browser.post(f"/sample-orders/putback/{order.id}/{entries(order)[-1].id}/lines")
    assert stored(order) == [
        ("Ropa", Decimal(2), Decimal("9.50")),
        ("Libro", Decimal(1), Decimal(20)),
    ]
    assert order.lines[0].type is None


@pytest.mark.both_databases
def test_the_api_reads_and_writes_them_as_a_list(client_as, order, counting):
    browser, headers = client_as(BRUNO), api_key_header(BRUNO.user.id)
    url = f"/api/v1/sample-orders/{order.id}"
    found = browser.get(url, headers=headers).json
    assert [line["price"] for line in found["lines"]] == ["9.50", "20.00"]
    first = found["lines"][0]
    change = {"version": found["version"], "lines": [{"text": "Primero"}, first | {"price": None}]}
    reply = browser.patch(url, json=change, headers=headers)
    assert reply.status_code == 200, reply.text
    assert [(line["text"], line["price"]) for line in reply.json["lines"]] == [
        ("Primero", None), ("Ropa", None),
    ]  # fmt: skip
    assert reply.json["lines"][1]["id"] == first["id"]
    new = {"name": "Otro", "entity": order.entity_id, "lines": [{"text": "A", "quantity": "3"}]}
    reply = browser.post("/api/v1/sample-orders/", json=new, headers=headers)
    assert reply.json["lines"][0]["quantity"] == "3.0000"
    with counting() as statements:
        rows = browser.get("/api/v1/sample-orders/", headers=headers).json["results"]
    assert sorted(len(row["lines"]) for row in rows) == [1, 2]
    assert sum("sample_line" in statement for statement in statements) == 1


@pytest.mark.parametrize(
    "lines", ["x", [1], [{"nonsense": 1}], [{"text": 5}], [{"text": "a", "price": "x"}],
              [{"text": "a", "type": "x"}], [{"price": "1"}], [{}], [{"id": 1}], [{"text": "a", "id": 2**40}]],
)  # fmt: skip
def test_the_api_refuses_what_are_no_lines(client_as, order, lines):
    headers = api_key_header(BRUNO.user.id)
    change = {"version": order.version, "lines": lines}
    reply = client_as(BRUNO).patch(
        f"/api/v1/sample-orders/{order.id}", json=change, headers=headers
    )
    assert reply.status_code == 422
    assert "lines" in reply.json["fields"]
    assert len(stored(order)) == 2


def test_the_id_of_a_line_of_another_row_makes_a_new_line(client_as, order, app):
    other = app.sample.SampleOrder(name="Ajeno", entity=the_entity("Sur"))
    other.lines = [app.sample.SampleLine(text="Secreto", position=1)]
    db.session.add(other)
    db.session.commit()
    data = typed(order, {"id": other.lines[0].id, "text": "Robado"})
    client_as(BRUNO).post(f"/sample-orders/edit/{order.id}", data=data)
    assert stored(other) == [("Secreto", Decimal(1), None)]
    assert [text for text, *_ in stored(order)] == ["Robado"]


def test_the_openapi_document_describes_them(client_as):
    headers = api_key_header(BRUNO.user.id)
    schemas = client_as(BRUNO).get("/api/v1/openapi.json", headers=headers).json["components"]
    found = [s for s in schemas["schemas"].values() if "lines" in s.get("properties", {})]
    assert len(found) >= 2
    assert all(s["properties"]["lines"]["type"] == "array" for s in found)


def test_a_file_shows_them_and_a_duplicate_copies_them(client_as, order):
    browser = client_as(BRUNO)
    page = browser.get(f"/sample-orders/show/{order.id}").text
    assert '<table class="line-table">' in page
    assert "€9.50" in page
    page = browser.get(f"/sample-orders/duplicate/{order.id}").text
    assert [text for _index, text in rows_of(page)] == ["Ropa", "Libro"]
    data = {"name": "Copia", "entity": order.entity_id, "lines-sent": "1", "lines-0-text": "Ropa",
            "lines-0-id": order.lines[0].id}  # fmt: skip
    assert browser.post("/sample-orders/add", data=data).status_code == 302
    assert len(stored(order)) == 2


def test_lines_are_seen_by_whoever_sees_their_owner(app, order):
    model = app.sample.SampleLine

    def count(actor: Any) -> int:
        return len(db.session.scalars(visible(model, actor)).all())

    assert count(ALICIA.as_actor()) == count(BRUNO.as_actor()) == 2
    order.entity = the_entity("Sur")
    db.session.commit()
    assert count(BRUNO.as_actor()) == 0
    assert count(contact_actor(1, "Ana")) == 0


def test_a_line_that_is_changed_or_deleted_by_itself_is_its_owners_change(order):
    first, second = order.lines
    for change in (lambda: setattr(first, "text", "Otra"), lambda: db.session.delete(second)):
        db.session.expire_all()
        version = order.version
        change()
        db.session.commit()
        assert order.version == version + 1
        old, new = entries(order)[-1].changes["lines"]
        assert old != new
    assert [text for text, *_ in stored(order)] == ["Otra"]


def test_deleting_the_owner_deletes_its_lines(client_as, order, app):
    number = order.id
    client_as(ALICIA).post(f"/sample-orders/delete/{number}")
    assert db.session.scalars(select(app.sample.SampleLine)).all() == []
    assert client_as(CLARA).get(f"/sample-orders/show/{number}").status_code == 404


def test_pages_with_more_lines_take_no_more_statements(client_as, order, counting, app):
    browser, kinds = client_as(BRUNO), [the_value(ContactType, n) for n in ("Member", "Donor")]
    found = []
    for number in (3, 12):
        order.lines = [
            app.sample.SampleLine(text=f"Línea {n}", type=kinds[n % 2], position=n)
            for n in range(number)
        ]
        db.session.commit()
        lines = [{"id": line.id, "text": f"{line.text}.", "type": line.type_id}
                 for line in order.lines]  # fmt: skip
        data = typed(order, *lines, _lines="lines:add")
        counts = []
        for page in ("edit", "show", "duplicate"):
            with counting() as statements:
                browser.get(f"/sample-orders/{page}/{order.id}")
            counts.append(len(statements))
        with counting() as statements:
            assert browser.post(f"/sample-orders/edit/{order.id}", data=data).status_code == 200
        found.append([*counts, len(statements)])
    assert found[0] == found[1]


def test_a_form_with_as_many_lines_as_there_can_be_is_saved(client_as, order):
    kind = str(the_value(ContactType, "Member").id)
    line = {"id": "0", "quantity": "1", "price": "2", "type": kind, "type_find": "x"}
    data = typed(order, *(line | {"text": f"Línea {n}"} for n in range(200)))
    reply = client_as(BRUNO).post(
        f"/sample-orders/edit/{order.id}",
        data={name: str(value) for name, value in data.items()},
        content_type="multipart/form-data",
    )
    assert reply.status_code == 302
    page = client_as(BRUNO).get(f"/sample-orders/show/{order.id}").text
    assert len(re.findall(r"Línea \d+", page)) == 200
