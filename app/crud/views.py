"""Pages that belong to no model: index, provinces, repositories, health, search."""

from __future__ import annotations

from typing import Any

from flask import abort, current_app, jsonify, request
from flask_appbuilder import expose, has_access
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy import select, text

from app.crud import trashview  # noqa: F401 - to derive the trash of screens
from app.crud.basepage import ListLink, Page, menu_groups
from app.crud.quicksearch import quick_search, suggest_query
from app.crud.repositoryview import RepositoryView
from app.crud.screens import Screen, new_screens, registered, screens
from app.crud.startpage import ContentCard, allowed_cards, load_start_page
from app.extensions import db
from app.i18n.clock import today
from app.i18n.languages import current_language
from app.i18n.places import postcode_prefixes, provinces
from app.search.models import Searchable
from app.search.parsing import MAX_QUERY_LENGTH, parse_query
from app.security.actor import current_actor
from app.security.areas import Area
from app.security.guard import public
from app.text import clean

# The most values of a repository that the overview shows.
MAX_OVERVIEW_VALUES = 60


class HomeView(Page):
    """The start page: what is to be done, figures and other cards."""

    route_base = ""
    default_view = "index"
    fab_name = "index"

    @expose("/")
    def index(self):
        """Show the cards that the user may see; with no data yet, what to do first."""
        page = load_start_page(db.session())
        links = [
            (screen, [link for link in screen.list_links if _is_import(link, screen)])
            for screen in (new_screens() if page.is_first_step else ())
        ]
        return self.render_template(
            "crud/start.html",
            title=_("Start"),
            page=page,
            first_steps=links,
            has_menu=bool(menu_groups()),
            today=today(),
            name=current_user.first_name,
        )

    @expose("/cards/<string:name>")
    def card(self, name: str):
        """Show one card alone; a script loads it into the start page."""
        card = next((one for one in allowed_cards(ContentCard) if one.name == name), None)
        if card is None:
            abort(404)
        return self.render_template(
            "crud/cards/alone.html", title=card.label, body=card.render(db.session())
        )


def _is_import(link: ListLink, screen: Screen) -> bool:
    return link.permission == "can_import" and screen.can(link.permission)


class PlaceView(Page):
    """JSON lists of provinces, for forms."""

    route_base = ""

    @expose("/provinces/<string:country>")
    def provinces(self, country: str):
        """Return the names of the provinces of a country and their postcodes' first two digits."""
        code, language = country.upper()[:2], current_language()
        names = [name for _code, name in provinces(code, language)]
        return jsonify(names=names, postcodes=postcode_prefixes(code, language))


class RepositoriesView(Page):
    """Settings → Repositories: every repository and the translations it lacks."""

    route_base = "/repositories"
    default_view = "overview"
    label = _l("Repositories")
    icon = "list-ul"
    category = "Settings"
    order = 20
    area = Area.SETTINGS
    is_personal = False
    read_permissions = frozenset({"can_overview"})

    @expose("/")
    @has_access
    def overview(self):
        """Show every repository with its values."""
        lists = []
        for view in registered(RepositoryView):
            if view.can("can_list"):
                model = view.datamodel.obj
                query = select(model).order_by(model.position, model.id).limit(MAX_OVERVIEW_VALUES)
                lists.append((view, db.session.scalars(query).all()))
        lists.sort(key=lambda pair: pair[0].order)
        return self.render_template(
            "crud/repositories.html",
            title=_("Repositories"),
            lists=lists,
            max_values=MAX_OVERVIEW_VALUES,
        )


class HealthView(Page):
    """Health check for monitoring."""

    route_base = ""

    @expose("/healthz")
    @public
    def healthz(self):
        """Return status, database and version as JSON; 503 if the database does not answer."""
        try:
            db.session.execute(text("SELECT 1"))
            database = db.engine.dialect.name
        except Exception:  # any failure of the database is the same to a monitor
            database = None
        state = {
            "status": "ok" if database else "error",
            "database": database or "unreachable",
            "version": current_app.config["VERSION"],
        }
        return jsonify(state), 200 if database else 503


class SearchView(Page):
    """Global search (Ctrl-K) over every searchable model: names, e-mails, phones, numbers."""

    route_base = ""

    @expose("/search")
    def search(self):
        """Return JSON to the search box, or a page without JavaScript."""
        typed = clean(request.args.get("q", ""))[:MAX_QUERY_LENGTH]
        groups = search_all(typed, 7) if parse_query(typed) else []
        suggestion = None if groups else suggest_any(typed)
        if request.headers.get("X-Fragment"):
            return jsonify(groups=groups, suggestion=suggestion)
        return self.render_template(
            "search.html", title=_("Search"), typed=typed, groups=groups, suggestion=suggestion
        )


def searchable_screens() -> list[Screen]:
    """Return the screens whose list can be searched and that the user may open."""
    return [
        screen
        for screen in screens()
        if issubclass(screen.table.model, Searchable)
        and not screen.is_trash
        and screen.can("can_list")
    ]


def suggest_any(typed: str) -> str | None:
    """Return the nearest query that has results in one of the searchable lists."""
    actor = current_actor()
    found = (suggest_query(screen.table, typed, actor) for screen in searchable_screens())
    return next(filter(None, found), None)


def search_all(typed: str, limit: int) -> list[dict[str, Any]]:
    """Return the first matches of each searchable list that the user may open."""
    groups = []
    for screen in searchable_screens():
        rows = quick_search(screen.table, typed, limit, current_actor())
        if rows:
            groups.append(
                {
                    "label": str(screen.label),
                    "icon": screen.icon,
                    "face_icon": screen.face_icon,
                    "all": f"{screen.route_base}/list/",
                    "rows": [
                        {"label": row.label, "initials": row.initials, "hint": row.hint,
                         "url": f"{screen.route_base}/show/{row.id}"}
                        for row in rows
                    ],
                }
            )  # fmt: skip
    return groups
