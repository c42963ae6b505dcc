"""What every page is drawn in: menu, top bar, shared template functions."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from flask import Flask, Response, current_app, render_template, request, session, url_for
from flask_login import current_user
from markupsafe import Markup

from app.crud.columns import initials
from app.crud.modelview import ModelView
from app.crud.page import menu_groups
from app.extensions import db
from app.i18n.formats import FILTERS
from app.i18n.languages import LANGUAGES, current_language
from app.jobs.queries import live_job_ids
from app.jobs.views import badge_label
from app.security.actor import current_actor
from app.security.areas import Level
from app.security.rights import has_permission
from app.security.roles import LEVELS
from app.staff.rights_table import rights_by_area

_SYMBOL = re.compile(r'<symbol[^>]* id="([^"]+)"[^>]*>(.*?)</symbol>', re.DOTALL)


def init_app(app: Flask) -> None:
    """Give templates what the frame needs, and static files a name that changes with them."""
    app.jinja_env.filters.update(FILTERS)
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(
        icon=icon,
        asset=asset,
        sidebar=sidebar,
        dialogs=dialogs,
        has_permission=has_permission,
        related_show_url=related_show_url,
        running_jobs=running_jobs,
        badge_label=badge_label,
        role_rights=role_rights,
        level_choices=level_choices,
        initials=initials,
    )
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 31536000
    app.context_processor(_context)
    app.after_request(_lead_scripts)


def _lead_scripts(response: Response) -> Response:
    """Tell a script where to lead its reader, rather than let it follow.

    A script that follows a redirect would read the page's message and drop it.
    """
    if request.headers.get("X-Fragment") and response.status_code in (301, 302, 303):
        response.headers["X-Location"] = response.headers.pop("Location")
        response.status_code = 204
        response.set_data(b"")
    return response


def _context() -> dict[str, Any]:
    theme = getattr(current_user, "theme", None) or session.get("theme") or "auto"
    here = request.full_path.rstrip("?") if request.method == "GET" else request.path
    return {
        "language": current_language(),
        "languages": LANGUAGES,
        "theme": theme,
        "here": here,
        "is_fragment": bool(request.headers.get("X-Fragment")),
    }


class MenuLink(NamedTuple):
    """A line of the menu."""

    label: Any
    icon: str
    url: str
    is_here: bool


def sidebar() -> Markup:
    """Return the menu, drawn once for all who may open the same pages."""
    names = tuple(item.name for _group, items in menu_groups() for item in items)
    groups = menu()
    here = next((link.url for _group, links in groups for link in links if link.is_here), "")
    drawn = current_app.extensions.setdefault("sidebars", {})
    key = (current_language(), names, here)
    if key not in drawn:
        drawn[key] = Markup(render_template("frame/sidebar.html", groups=groups))
    return drawn[key]


def dialogs() -> Markup:
    """Return the dialogs every page carries, drawn once a language."""
    drawn = current_app.extensions.setdefault("dialogs", {})
    language = current_language()
    if language not in drawn:
        drawn[language] = Markup(render_template("frame/dialogs.html"))
    return drawn[language]


def menu() -> list[tuple[Any, list[MenuLink]]]:
    """Return (group, links) of what the signed-in user may open; the page's own is marked."""
    groups = [
        (group, [(item, item.get_url()) for item in items]) for group, items in menu_groups()
    ]
    urls = [url for _group, items in groups for _item, url in items]
    # /contacts/trash/list/ lies below /contacts/ too: the longest address wins.
    here = max((url for url in urls if request.path.startswith(_base(url))), key=len, default="")
    return [
        (group, [MenuLink(item.label, item.icon, url, url == here) for item, url in items])
        for group, items in groups
    ]


def _base(url: str) -> str:
    return url.removesuffix("list/")


def running_jobs() -> list[int]:
    """Return the numbers of the jobs the signed-in user has going on."""
    return live_job_ids(db.session(), current_actor()) if current_user.is_authenticated else []


def role_rights(role: Any) -> Any:
    """Return the rights of a role, by area and page."""
    return rights_by_area({right.id for right in role.permissions})


def level_choices() -> list[tuple[int, Any]]:
    """Return every level that a role can have in an area."""
    return [(int(level), level.label) for level in (Level.FORBIDDEN, *LEVELS)]


def related_show_url(view: ModelView, name: str) -> str:
    """Return the address that rows linked by an attribute have in common, or nothing.

    Nothing is returned when they have no page, or none the signed-in user may open.
    """
    if not view.datamodel.is_relation(name):
        return ""
    model = view.datamodel.get_related_model(name)
    for other in current_app.appbuilder.baseviews:
        if (
            isinstance(other, ModelView)
            and other.datamodel.obj is model
            and not other.datamodel.with_trash
            and has_permission("can_show", other.class_permission_name)
        ):
            return f"{other.route_base}/show/"
    return ""


@lru_cache(maxsize=512)
def icon(name: str, label: str = "") -> Markup:
    """Return an icon of Bootstrap's set; with a label it speaks, without it is decoration."""
    speech = (
        Markup('role="img" aria-label="%s"') % label if label else Markup('aria-hidden="true"')
    )
    # Drawn in place: the whole set is a megabyte, the few a page shows are not.
    return Markup('<svg class="icon" viewBox="0 0 16 16" %s>%s</svg>') % (
        speech,
        Markup(_drawings().get(name, "")),
    )


@lru_cache(maxsize=1)
def _drawings() -> dict[str, str]:
    """Return what is inside each icon of the set, by name."""
    folder = current_app.blueprints["bootstrap"].static_folder or ""
    text = Path(folder, "icons", "bootstrap-icons.svg").read_text(encoding="utf-8")
    return dict(_SYMBOL.findall(text))


@lru_cache(maxsize=64)
def _fingerprint(path: str, _changed: float) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:10]


def asset(filename: str) -> str:
    """Return the address of a static file of ours, which changes when the file does."""
    path = Path(current_app.static_folder or "", filename)
    mark = _fingerprint(str(path), path.stat().st_mtime)
    return url_for("static", filename=filename, v=mark)
