"""Addresses are what werkzeug makes of them, though its functions are compiled when first used."""

from __future__ import annotations

from werkzeug.routing import Map, Rule

from tests.contracts.routes import rules_app

KNOWN = {"pk": 7, "filename": "a b/ñ.css", "entry_id": 5, "key_id": 3, "view_id": 2}


def test_addresses_are_built_as_werkzeug_builds_them():
    for rule in rules_app().url_map.iter_rules():
        values = {name: KNOWN.get(name, "ñ&") for name in rule.arguments}
        whole = Rule(rule.rule, endpoint=rule.endpoint, defaults=rule.defaults)
        Map([whole])
        for more, is_kept in (({}, True), ({}, False), ({"q": "a&b", "n": None}, True)):
            for _first_and_again in range(2):
                assert rule.build(values | more, is_kept) == whole.build(values | more, is_kept)
