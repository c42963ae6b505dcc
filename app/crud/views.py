"""The pages that belong to no room: home, the search button, the state of the program."""

from __future__ import annotations

from typing import Any

from flask import current_app, jsonify, redirect, request, url_for
from flask_appbuilder import expose, has_access
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select, text

from app.crud.listing import quick_hits
from app.crud.modelview import ModelView, RepositoryView
from app.crud.page import Page, menu_groups
from app.extensions import db
from app.i18n.languages import current_language
from app.i18n.places import provinces
from app.search.models import Searchable
from app.search.queries import LONGEST, words
from app.security.actor import current_actor
from app.security.areas import Area
from app.security.guard import public
from app.security.rights import holds
from app.text import clean

# A repository longer than this shows its first values on the overview.
MOST_VALUES = 60


class HomeView(Page):
    """The first page after signing in."""

    route_base = ""
    default_view = "index"

    @expose("/")
    def index(self):
        """Lead to the first page of the menu the user may open."""
        for _group, items in menu_groups():
            return redirect(items[0].get_url())
        return redirect(url_for("ProfilePage.show"))


class PlaceView(Page):
    """Lists of places that forms ask for."""

    route_base = ""

    @expose("/provinces/<string:country>")
    def provinces(self, country: str):
        """Name the provinces of a country, in the reader's language."""
        found = provinces(country.upper()[:2], current_language())
        return jsonify(names=[name for _code, name in found])


class RepositoriesView(Page):
    """Settings → Repositories: every editable list, and whether both languages are complete."""

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
        for view in current_app.appbuilder.baseviews:
            if isinstance(view, RepositoryView) and view.may("can_list"):
                model = view.datamodel.obj
                query = select(model).order_by(model.position, model.id).limit(MOST_VALUES)
                lists.append((view, db.session.scalars(query).all()))
        lists.sort(key=lambda pair: pair[0].order)
        return self.render_template(
            "crud/repositories.html", title=_("Repositories"), lists=lists, most=MOST_VALUES
        )


class HealthView(Page):
    """Whether the program is well."""

    route_base = ""

    @expose("/healthz")
    @public
    def healthz(self):
        """Answer status, database and version."""
        try:
            db.session.execute(text("SELECT 1"))
            database = db.engine.dialect.name
        except Exception:  # whatever ails the database, the answer is the same
            database = None
        state = {
            "status": "ok" if database else "error",
            "database": database or "unreachable",
            "version": current_app.config["VERSION"],
        }
        return jsonify(state), 200 if database else 503


class SearchView(Page):
    """The search button (Ctrl-K): names, e-mails, telephone digits, numbers, of every room."""

    route_base = ""

    @expose("/search")
    def search(self):
        """Answer the search box: JSON while typing, a page without JavaScript."""
        typed = clean(request.args.get("q", ""))[:LONGEST]
        groups = find_everywhere(typed, 7) if words(typed) else []
        if request.headers.get("X-Fragment"):
            return jsonify(groups=groups)
        return self.render_template("search.html", title=_("Search"), typed=typed, groups=groups)


def find_everywhere(typed: str, limit: int) -> list[dict[str, Any]]:
    """Return, for each searchable list the user may open, the first files that are found."""
    groups = []
    for view in current_app.appbuilder.baseviews:
        if not isinstance(view, ModelView) or not issubclass(view.datamodel.obj, Searchable):
            continue
        if view.datamodel.with_trash or not holds("can_list", view.class_permission_name):
            continue
        rows = quick_hits(view, typed, limit, current_actor())
        if rows:
            groups.append(
                {
                    "label": str(view.label),
                    "icon": view.icon,
                    "all": f"{view.route_base}/list/",
                    "rows": rows,
                }
            )
    return groups
