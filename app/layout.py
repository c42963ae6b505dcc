"""The layout of every page: menu, top bar, dialogs, template globals and static files."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from flask import Flask, Response, current_app, render_template, request, session, url_for
from flask_login import current_user
from markupsafe import Markup

from app.crud.basepage import menu_groups
from app.crud.columns import initials
from app.crud.counting import show_capped
from app.crud.screens import Screen, find_screen, new_screens, screens, show_url
from app.crud.submissions import form_key
from app.crud.views import searchable_screens
from app.extensions import db
from app.i18n.formats import FILTERS, date_pattern, is_day_first
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
    """Register template filters, globals and context, and the headers of fragments."""
    app.jinja_env.filters.update(FILTERS, capped=show_capped)
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(
        icon=icon,
        asset=asset,
        sidebar=sidebar,
        dialogs=dialogs,
        form_key=form_key,
        has_permission=has_permission,
        related_show_url=related_show_url,
        show_url=show_url,
        searchable_screens=searchable_screens,
        new_screens=new_screens,
        running_jobs=running_jobs,
        badge_label=badge_label,
        role_rights=role_rights,
        level_choices=level_choices,
        initials=initials,
        date_pattern=date_pattern,
        is_day_first=is_day_first,
    )
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 31536000
    app.context_processor(_context)
    app.after_request(_redirect_in_header)


def _redirect_in_header(response: Response) -> Response:
    """Answer a script with the target of a redirect in a header instead of the redirect.

    A script that followed the redirect would consume the flashed messages of the page.
    """
    if request.headers.get("X-Fragment") and response.status_code in (301, 302, 303):
        response.headers["X-Location"] = response.headers.pop("Location")
        response.status_code = 204
        response.set_data(b"")
    return response


def _context() -> dict[str, Any]:
    theme = getattr(current_user, "theme", None) or session.get("theme") or "auto"
    current_url = request.full_path.rstrip("?") if request.method == "GET" else request.path
    return {
        "language": current_language(),
        "languages": LANGUAGES,
        "theme": theme,
        "current_url": current_url,
        "is_fragment": bool(request.headers.get("X-Fragment")),
    }


class MenuLink(NamedTuple):
    """An entry of the menu."""

    label: Any
    icon: str
    url: str
    is_current: bool


def sidebar() -> Markup:
    """Return the rendered menu, cached by language, visible entries and current page."""
    names = tuple(item.name for _group, items in menu_groups() for item in items)
    groups = menu()
    current_url = next(
        (link.url for _group, links in groups for link in links if link.is_current), ""
    )
    home_url = url_for("HomeView.index")
    is_home = request.path == home_url
    cache = current_app.extensions.setdefault("sidebars", {})
    key = (current_language(), names, current_url, is_home)
    if key not in cache:
        cache[key] = Markup(
            render_template(
                "layout/sidebar.html", groups=groups, home_url=home_url, is_home=is_home
            )
        )
    return cache[key]


def dialogs() -> Markup:
    """Return the rendered dialogs of every page, cached by language."""
    cache = current_app.extensions.setdefault("dialogs", {})
    language = current_language()
    if language not in cache:
        cache[language] = Markup(render_template("layout/dialogs.html"))
    return cache[language]


def menu() -> list[tuple[Any, list[MenuLink]]]:
    """Return (category, links) of the pages the user may open; the current page is marked."""
    groups = [
        (group, [(item, item.get_url()) for item in items]) for group, items in menu_groups()
    ]
    urls = [url for _group, items in groups for _item, url in items]
    # /contacts/trash/list/ also starts with /contacts/: the longest match is current.
    current_url = max(
        (url for url in urls if request.path.startswith(_base(url))), key=len, default=""
    )
    # Every trash is a tab of one page: only the first has an entry.
    trashes = {f"{screen.route_base}/list/" for screen in screens() if screen.is_trash}
    others = [url for url in urls if url in trashes][1:]
    if current_url in others:
        current_url = next(url for url in urls if url in trashes)
    return [
        (
            group,
            [
                MenuLink(item.label, item.icon, url, url == current_url)
                for item, url in items
                if url not in others
            ],
        )
        for group, items in groups
    ]


def _base(url: str) -> str:
    return url.removesuffix("list/")


def running_jobs() -> list[int]:
    """Return the ids of the user's running jobs."""
    return live_job_ids(db.session(), current_actor()) if current_user.is_authenticated else []


def role_rights(role: Any) -> Any:
    """Return the permissions of a role by area and page."""
    return rights_by_area({right.id for right in role.permissions})


def level_choices() -> list[tuple[int, Any]]:
    """Return (value, label) of every level that a role can have in an area."""
    return [(int(level), level.label) for level in (Level.FORBIDDEN, *LEVELS)]


def related_show_url(screen: Screen, name: str) -> str:
    """Return the URL prefix of the show pages of related rows, such as ``/accounts/show/``.

    Return an empty string if there is no such page or the user may not open it.
    """
    if not screen.datamodel.is_relation(name):
        return ""
    other = find_screen(screen.datamodel.get_related_model(name))
    if other is None or not has_permission("can_show", other.class_permission_name):
        return ""
    return f"{other.route_base}/show/"


@lru_cache(maxsize=512)
def icon(name: str, label: str = "") -> Markup:
    """Return a Bootstrap icon as SVG; without a label it is hidden from screen readers."""
    accessibility = (
        Markup('role="img" aria-label="%s"') % label if label else Markup('aria-hidden="true"')
    )
    # Inlined: the whole sprite is a megabyte, the few icons of a page are small.
    return Markup('<svg class="icon" viewBox="0 0 16 16" %s>%s</svg>') % (
        accessibility,
        Markup(_icon_contents().get(name, "")),
    )


@lru_cache(maxsize=1)
def _icon_contents() -> dict[str, str]:
    """Return the SVG contents of each icon of the sprite, by name."""
    folder = current_app.blueprints["bootstrap"].static_folder or ""
    text = Path(folder, "icons", "bootstrap-icons.svg").read_text(encoding="utf-8")
    return dict(_SYMBOL.findall(text))


@lru_cache(maxsize=64)
def _fingerprint(path: str, _mtime: float) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:10]


def asset(filename: str) -> str:
    """Return the URL of a static file, with a fingerprint of its content."""
    path = Path(current_app.static_folder or "", filename)
    fingerprint = _fingerprint(str(path), path.stat().st_mtime)
    return url_for("static", filename=filename, v=fingerprint)
