"""Looking changes nothing: every page is opened twice, and the database stays what it was."""

from __future__ import annotations

from tests.contracts.fingerprint import changed_tables, fingerprint
from tests.contracts.routes import get_view, is_api_rule, methods, rules
from tests.contracts.url_values import RowPool, url_cases
from tests.people import ALICIA, api_key_header


def test_no_page_changes_anything_when_it_is_looked_at(app, connection, client_as):
    things, alicia = RowPool(), ALICIA.user
    readers = [client_as(ALICIA), client_as(None)]
    key = api_key_header(alicia.id)
    changing = []
    for rule in rules(app):
        if "GET" not in methods(rule):
            continue
        found = (
            url_cases(things, get_view(app, rule), rule, alicia) if rule.arguments else [("", {})]
        )
        with app.test_request_context():
            urls = [app.url_for(rule.endpoint, **arguments) for _which, arguments in found]
        before = fingerprint(connection, but=())
        for url in urls:
            for reader in (*readers, *readers):
                shown = key if is_api_rule(rule) and reader is readers[0] else {}
                reply = reader.get(url, headers=shown, buffered=True)
                # A write is refused (conftest.py), which is an error of the page.
                assert reply.status_code < 500, url
        if changed := changed_tables(before, fingerprint(connection, but=())):
            changing.append((rule.rule, changed))
    assert changing == []
