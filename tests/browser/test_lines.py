"""The lines of a form by keyboard; ``tests/contracts/test_lines.py`` has all that needs no browser."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from waitress.server import create_server

from app.crud.linesfield import LinesField
from app.customfields import loading
from app.extensions import db
from app.security.rights import ADMINISTRATOR
from tests.browser.context_pool import ContextPool
from tests.browser.live_server import ENGLISH, LiveServer
from tests.browser.playwright import expect
from tests.factories import an_account, the_entity
from tests.sample import sample_app
from tests.sample.orders import declare
from tests.servers import running

WIDTHS = "all => all.map((one) => [one.name || one.id, one.offsetWidth])"


@pytest.fixture
def served(tmp_path, chromium, page_errors):
    """Serve a sample room whose model has lines; give an order and what opens pages of it."""
    with ExitStack() as stack:
        # The other program that this process serves must not change the custom fields meanwhile.
        with loading._lock:
            app = stack.enter_context(sample_app("sqlite", tmp_path, declare))
        app.config |= {"WTF_CSRF_ENABLED": True, "TESTING": False}
        server = create_server(app, host="127.0.0.1", port=0, threads=4)
        live = LiveServer(app, f"http://127.0.0.1:{server.effective_port}")
        live.add_user(ADMINISTRATOR, name=ENGLISH)
        with app.app_context():
            order = app.sample.SampleOrder(name="Pedido", entity=the_entity("Norte"))
            order.lines = [app.sample.SampleLine(text="Ropa", position=1)]
            db.session.add(order)
            db.session.commit()
            number = order.id
        pool = ContextPool(chromium, live, page_errors)
        with running(server):
            yield live, number, pool
            assert pool.reset() == []
        with app.app_context():
            db.engine.dispose()


def test_lines_are_added_moved_and_removed_by_keyboard(served):
    live, number, pool = served
    page = pool.open_page(ENGLISH)
    page.goto(f"/sample-orders/edit/{number}")
    texts = page.locator('tbody [name$="-text"]')
    texts.first.press("Enter")
    expect(texts).to_have_count(2)
    expect(texts.nth(1)).to_be_focused()
    page.keyboard.type("Libro")
    page.keyboard.press("Alt+ArrowUp")
    expect(texts.first).to_have_value("Libro")
    expect(texts.first).to_be_focused()
    expect(page.get_by_label("Text, line 1", exact=True)).to_have_value("Libro")
    expect(page.get_by_label("Text, line 2", exact=True)).to_have_value("Ropa")
    page.get_by_role("button", name="Move line 1 down").focus()
    page.get_by_role("button", name="Add line").click()
    page.keyboard.type("Sobra")
    page.get_by_role("button", name="Remove line 3").press("Enter")
    expect(texts).to_have_count(2)
    page.locator("[data-lines]").evaluate("field => field.dataset.max = 2")
    texts.last.press("Enter")
    expect(texts).to_have_count(2)
    page.locator("#name").press("Enter")
    page.wait_for_url("**/show/*")
    with live.app.app_context():
        order = db.session.get(live.app.sample.SampleOrder, number)
        assert [line.text for line in order.lines] == ["Libro", "Ropa"]
        assert [line.position for line in order.lines] == [1, 2]


def test_enter_at_the_last_line_there_can_be_adds_none_and_sends_nothing(served, monkeypatch):
    _live, number, pool = served
    monkeypatch.setattr(LinesField, "max_lines", 1)
    page = pool.open_page(ENGLISH)
    page.goto(f"/sample-orders/edit/{number}")
    posts = []
    page.on("request", lambda request: posts.append(request.method))
    text = page.locator('tbody [name$="-text"]')
    text.press("Enter")
    page.keyboard.type("Mucha ")
    expect(text).to_have_count(1)
    expect(text).to_have_value("Mucha Ropa")
    assert "POST" not in posts


def test_enter_in_a_picker_of_a_line_chooses_and_adds_no_line(served):
    live, number, pool = served
    with live.app.app_context():
        account = an_account(name="Imprenta Luz").id
    page = pool.open_page(ENGLISH)
    page.goto(f"/sample-orders/edit/{number}")
    page.get_by_role("combobox", name="Account, line 1").press_sequentially("luz")
    expect(page.get_by_role("option", name="Imprenta Luz")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator('tbody [name$="-account"]')).to_have_value(str(account))
    expect(page.locator('tbody [name$="-text"]')).to_have_count(1)


def test_inputs_of_lines_stay_legible_however_narrow_the_table(served):
    _live, number, pool = served
    page = pool.open_page(ENGLISH)
    page.goto(f"/sample-orders/edit/{number}")
    box = page.locator(".line-table-box")
    box.evaluate("box => { box.style.width = '240px'; }")
    widths = dict(box.locator("tbody tr :is(input, select):visible").evaluate_all(WIDTHS))
    assert len(widths) == 5
    assert {name: width for name, width in widths.items() if width < 80} == {}
    assert widths["lines-0-text"] > 160
    # The table scrolls in its box.
    assert box.evaluate("box => [box.offsetWidth, box.scrollWidth > 500]") == [240, True]
