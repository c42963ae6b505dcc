"""Every address of the program, made concrete."""

from __future__ import annotations

import re
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

STATIC = ("static", "appbuilder.static", "bootstrap.static")


def rules(app: Flask) -> list[Rule]:
    """Return every rule but those of static files, by address."""
    found = (rule for rule in app.url_map.iter_rules() if rule.endpoint not in STATIC)
    return sorted(found, key=lambda rule: rule.rule)


def methods(rule: Rule) -> list[str]:
    """Return the methods of a rule that mean something of their own."""
    return sorted(set(rule.methods or ()) - {"HEAD", "OPTIONS"})


def address(rule: Rule, number: int = 0) -> str:
    """Return an address under a rule; 0 is a row that never exists."""
    return re.sub(r"<[^>]+>", str(number), rule.rule)


def is_api_rule(rule: Rule) -> bool:
    """Say whether an address is of the API, which a key opens and no cookie does."""
    return rule.rule.startswith("/api/") and not rule.rule.endswith("/openapi.json")


def view_of(app: Flask, rule: Rule) -> Any:
    """Return the page a rule belongs to."""
    endpoint = rule.endpoint.rpartition(".")[0]
    return next((v for v in app.appbuilder.baseviews if v.endpoint == endpoint), None)
