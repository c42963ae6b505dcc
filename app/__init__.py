"""Padrón: a bilingual back-office and portal for everybody an organisation deals with."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask_bootstrap import Bootstrap5
from werkzeug.middleware.proxy_fix import ProxyFix

from app import cli, compression, domains, errorpages, layout, logs, organisation
from app.backoffice import BackOffice
from app.customfields import loading as custom_fields
from app.extensions import csrf, db, mail, migrate
from app.i18n import templates
from app.i18n.catalogue import CachedDomain
from app.i18n.languages import choose_language
from app.request import CleanRequest
from app.security import guard, headers, origins, populations
from app.settings import cache as settings_cache
from app.urlrules import LazyRule
from config import settings


def create_app(config: dict[str, Any] | None = None) -> Flask:
    """Build the application. This is the only place that knows every room.

    Nothing is written: the database is prepared by ``flask --app run setup``.
    """
    logs.hide_values()
    app = Flask(__name__)
    app.request_class, app.url_rule_class = CleanRequest, LazyRule
    app.config.from_mapping(settings() if config is None else config)
    if app.config["PROXIES"]:
        hops = app.config["PROXIES"]
        app.wsgi_app = ProxyFix(app.wsgi_app, hops, hops, hops)  # type: ignore[method-assign]
    for extension in (db, csrf, mail):
        extension.init_app(app)
    migrate.init_app(app, db, render_as_batch=True, compare_type=True)
    Bootstrap5(app)
    domains.load_all()
    settings_cache.init_app(app)
    with app.app_context():
        BackOffice().init_app(app, db.session)
    babel = app.extensions["babel"]
    babel.locale_selector = choose_language
    messages = CachedDomain(translation_directories=babel.translation_directories)
    app.before_request(messages.as_default)
    templates.init_app(app, messages)
    babel.timezone_selector = organisation.time_zone_name
    # First, so that it comes last after the request: nothing changes what is compressed.
    compression.init_app(app)
    headers.init_app(app)
    origins.init_app(app)
    populations.init_app(app)
    guard.init_app(app)
    custom_fields.init_app(app)
    layout.init_app(app)
    errorpages.init_app(app)
    for command in cli.all_commands():
        app.cli.add_command(command)
    return app
