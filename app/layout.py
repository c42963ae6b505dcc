"""The layout of every page: menu, top bar, dialogs, template globals and static files."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from flask import (
    Flask,
    Response,
    current_app,
    has_request_context,
    render_template,
    request,
    session,
    url_for,
)
from flask_login import current_user
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup, escape

from app.caches import LatestOnly
from app.crud.basepage import menu_groups
from app.crud.columns import ListColumn, initials
from app.crud.counting import show_capped
from app.crud.formfields import plain_field
from app.crud.listing import ListPage, ListState
from app.crud.screens import Screen, count_views, find_screen, new_screens, screens, show_url
from app.crud.submissions import form_key
from app.crud.tablerows import table_rows
from app.crud.views import searchable_screens
from app.extensions import db
from app.i18n.formats import FILTERS, date_pattern, is_day_first, show_number
from app.i18n.languages import LANGUAGES, current_language
from app.jobs.queries import live_job_ids
from app.jobs.views import badge_label
from app.security.actor import current_actor
from app.security.areas import Level
from app.security.headers import csp_nonce
from app.security.rights import current_rights, has_permission
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
        url_for=page_url,
        sidebar=sidebar,
        tools=tools,
        head=head,
        actions_of=actions_of,
        action_bar=action_bar,
        table_head=table_head,
        topbar=topbar,
        dialogs=dialogs,
        form_key=form_key,
        has_permission=has_permission,
        related_show_url=related_show_url,
        show_url=show_url,
        searchable_screens=searchable_screens,
        new_screens=new_screens,
        badge_label=badge_label,
        role_rights=role_rights,
        level_choices=level_choices,
        initials=initials,
        table_rows=table_rows,
        plain_field=plain_field,
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
    """Return the rendered menu, cached by language, rights and current page."""
    cache = current_app.extensions.setdefault("sidebars", LatestOnly(1_000))
    reader = _reader()
    menu = cache.get(reader)
    if menu is None:
        menu = cache[reader] = _Menu()
    current_url = menu.current_url(request.path)
    is_home = request.path == menu.home_url
    key = (reader, current_url, is_home)
    page = cache.get(key)
    if page is None:
        groups = menu.links(current_url)
        page = cache[key] = _part(
            "layout/sidebar.html", groups=groups, home_url=menu.home_url, is_home=is_home
        )
    return page


def _part(template: str, **values: Any) -> Markup:
    return Markup(render_template(template, **values))


def _reader() -> tuple[Any, ...]:
    """Return what a part of a page depends on that is the same on every page, to cache it by."""
    return (current_language(), current_rights(), count_views())


def tools() -> Markup:
    """Return the rendered search field and menu *New* of the top bar, cached by the reader."""
    return _cached_part("layout/tools.html")


def _cached_part(template: str) -> Markup:
    cache = current_app.extensions.setdefault("page_parts", LatestOnly(400))
    key = (template, _reader())
    page = cache.get(key)
    if page is None:
        page = cache[key] = _part(template)
    return page


# Take the place, in a cached part, of what differs from page to page.
_TOKEN, _URL, _NONCE, _TOTAL = "[[csrf-token]]", "[[url]]", "[[csp-nonce]]", "[[total]]"


def head() -> Markup:
    """Return the rendered links of the head of every page, cached but for the nonce."""
    cache = current_app.extensions.setdefault("heads", {})
    root = request.script_root
    if root not in cache or current_app.debug:
        cache[root] = render_template("layout/head.html", csp_nonce=lambda: _NONCE)
    return Markup(cache[root].replace(_NONCE, csp_nonce()))


def topbar(theme: str, current_url: str) -> Markup:
    """Return the rendered top bar, cached by user and running jobs but for token and address."""
    cache = current_app.extensions.setdefault("topbars", LatestOnly(1_000))
    user, running = current_user._get_current_object(), running_jobs()
    who = (user.id, user.first_name, user.last_name, user.email)
    key = (_reader(), request.script_root, theme, who, tuple(running))
    page = cache.get(key)
    if page is None:
        page = cache[key] = render_template(
            "layout/topbar.html", running=running, theme=theme, csrf_token=lambda: _TOKEN,
            current_url=_URL,
        )  # fmt: skip
    return Markup(page.replace(_TOKEN, generate_csrf()).replace(_URL, str(escape(current_url))))


def actions_of(view: Any) -> list[Any]:
    """Return the actions of a list that the user may run."""
    cache = current_app.extensions.setdefault("list_actions", LatestOnly(1_000))
    key = (view, _reader())
    if key not in cache:
        cache[key] = [one for name, one in view.actions.items() if view.can_run_action(name)]
    return cache[key]


def action_bar(view: Any, page: ListPage, state: ListState) -> Markup:
    """Return the rendered actions of a list, cached but for token, selection and total."""
    cache = current_app.extensions.setdefault("action_bars", LatestOnly(1_000))
    is_filtered, is_whole = bool(state.filters or state.q), not (page.next or page.previous)
    key = (view, _reader(), request.script_root, current_user.id, is_filtered, is_whole)
    bar = cache.get(key)
    if bar is None:
        bar = cache[key] = render_template(
            "crud/action_bar.html", view=view, acts=actions_of(view), total=_TOTAL, query=_URL,
            is_filtered=is_filtered, is_whole=is_whole, csrf_token=lambda: _TOKEN,
        )  # fmt: skip
    total = show_number(page.count) + ("+" if page.is_capped else "")
    bar = bar.replace(_TOKEN, generate_csrf()).replace(_TOTAL, total)
    return Markup(bar.replace(_URL, str(escape(state.filter_query()))))


def table_head(view: Any, columns: list[ListColumn], state: ListState, can_tick: bool) -> Markup:
    """Return the rendered head of a list, cached by what its links keep of the state."""
    cache = current_app.extensions.setdefault("table_heads", LatestOnly(1_000))
    key = (view, *columns, state.sort, state.descending, can_tick, state.url(), _reader())
    if key not in cache:
        cache[key] = _part(
            "crud/table_head.html", view=view, columns=columns, state=state, can_tick=can_tick
        )
    return cache[key]


def dialogs() -> Markup:
    """Return the rendered dialogs of every page, cached by the reader."""
    return _cached_part("layout/dialogs.html")


class _Menu:
    """The pages that the user may open, by category."""

    def __init__(self) -> None:
        self.home_url = url_for("HomeView.index")
        self._groups = [
            (group, [(item, item.get_url()) for item in items]) for group, items in menu_groups()
        ]
        # Every trash is a tab of one page: only the first has an entry.
        trashes = {f"{screen.route_base}/list/" for screen in screens() if screen.is_trash}
        shown = [url for _group, items in self._groups for _item, url in items if url in trashes]
        self._trash_url = shown[0] if shown else ""
        self._other_trashes = set(shown[1:])
        # /contacts/trash/list/ also starts with /contacts/: the longest match is current.
        urls = [url for _group, items in self._groups for _item, url in items]
        self._bases = sorted(((url.removesuffix("list/"), url) for url in urls), key=_by_length)

    def current_url(self, path: str) -> str:
        """Return the address of the entry that a page belongs to; "" if there is none."""
        found = next((url for base, url in self._bases if path.startswith(base)), "")
        return self._trash_url if found in self._other_trashes else found

    def links(self, current_url: str) -> list[tuple[Any, list[MenuLink]]]:
        """Return (category, links); the current page is marked."""
        return [
            (
                group,
                [
                    MenuLink(item.label, item.icon, url, url == current_url)
                    for item, url in items
                    if url not in self._other_trashes
                ],
            )
            for group, items in self._groups
        ]


def _by_length(pair: tuple[str, str]) -> int:
    return -len(pair[1])


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
    """Return the URL of a static file, with a fingerprint of its content.

    Like a template, a changed file is noticed at once in debug mode only.
    """
    urls = current_app.extensions.setdefault("assets", {})
    if filename not in urls or current_app.debug:
        path = Path(current_app.static_folder or "", filename)
        fingerprint = _fingerprint(str(path), path.stat().st_mtime)
        urls[filename] = url_for("static", filename=filename, v=fingerprint)
    return urls[filename]


def page_url(endpoint: str, **values: Any) -> str:
    """Return what Flask's ``url_for`` does, which is slow; one without values is kept."""
    if values or endpoint.startswith("."):
        return url_for(endpoint, **values)
    urls = current_app.extensions.setdefault("page_urls", {})
    key = (request.script_root, endpoint) if has_request_context() else None
    if key is None:
        return url_for(endpoint)
    if key not in urls:
        urls[key] = url_for(endpoint)
    return urls[key]
