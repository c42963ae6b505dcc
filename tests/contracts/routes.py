"""The URL rules of the application, and paths that match them."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from tests.databases import make_app

STATIC = ("static", "appbuilder.static", "bootstrap.static")


@lru_cache
def rules_app() -> Flask:
    """Return an application without a database, for tests that are parametrized by its rules."""
    with TemporaryDirectory() as folder:
        return make_app(f"sqlite:///{folder}/none.sqlite3", Path(folder))


def rules(app: Flask) -> list[Rule]:
    """Return all URL rules except those of static files, ordered by rule."""
    dynamic_rules = (rule for rule in app.url_map.iter_rules() if rule.endpoint not in STATIC)
    return sorted(dynamic_rules, key=lambda rule: rule.rule)


def methods(rule: Rule) -> list[str]:
    """Return the methods of a rule except HEAD and OPTIONS."""
    return sorted(set(rule.methods or ()) - {"HEAD", "OPTIONS"})


def build_path(rule: Rule, number: int = 0) -> str:
    """Return a path with ``number`` for every argument; no row has the id 0."""
    return re.sub(r"<[^>]+>", str(number), rule.rule)


def is_api_rule(rule: Rule) -> bool:
    """Return True for a rule of the API, which takes an API key and no session cookie."""
    return rule.rule.startswith("/api/") and not rule.rule.endswith("/openapi.json")


def get_view(app: Flask, rule: Rule) -> Any:
    """Return the view a rule belongs to, or None."""
    endpoint = rule.endpoint.rpartition(".")[0]
    return next((v for v in app.appbuilder.baseviews if v.endpoint == endpoint), None)
