"""What every page is drawn in: menu, top bar, shared template functions."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask, current_app, request, session, url_for
from flask_login import current_user
from markupsafe import Markup

from app.crud.pages import menu_groups
from app.i18n.formats import FILTERS
from app.i18n.languages import LANGUAGES, current_language


def init_app(app: Flask) -> None:
    """Give templates what the frame needs, and static files a name that changes with them."""
    app.jinja_env.filters.update(FILTERS)
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(icon=icon, asset=asset, menu_groups=menu_groups)
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 31536000
    app.context_processor(_context)

    @app.after_request
    def forbid_keeping(response):
        """Keep pages with personal data out of shared and disk caches."""
        if request.endpoint and not request.endpoint.endswith("static"):
            response.headers.setdefault("Cache-Control", "no-store")
            response.headers.setdefault("X-Content-Type-Options", "nosniff")
            response.headers.setdefault("X-Frame-Options", "DENY")
            response.headers.setdefault("Referrer-Policy", "same-origin")
        return response


def _context() -> dict[str, Any]:
    theme = getattr(current_user, "theme", None) or session.get("theme") or "auto"
    here = request.full_path.rstrip("?") if request.method == "GET" else request.path
    return {
        "language": current_language(),
        "languages": LANGUAGES,
        "theme": theme,
        "here": here,
    }


@lru_cache(maxsize=256)
def icon(name: str, label: str = "") -> Markup:
    """Return an icon of Bootstrap's set; with a label it speaks, without it is decoration."""
    href = f"/bootstrap/static/icons/bootstrap-icons.svg#{name}"
    if label:
        return Markup(
            '<svg class="icon" role="img" aria-label="%s"><use href="%s"/></svg>'
        ) % (label, href)
    return Markup('<svg class="icon" aria-hidden="true"><use href="%s"/></svg>') % href


@lru_cache(maxsize=64)
def _fingerprint(path: str, _changed: float) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:10]


def asset(filename: str) -> str:
    """Return the address of a static file of ours, which changes when the file does."""
    path = Path(current_app.static_folder or "", filename)
    mark = _fingerprint(str(path), path.stat().st_mtime)
    return url_for("static", filename=filename, v=mark)
