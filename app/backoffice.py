"""Our AppBuilder: registers every page, view and API that was subclassed."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Flask
from flask_appbuilder import AppBuilder

from app.crud.api import Api, ModelApi
from app.crud.basepage import Page, PageMeta
from app.crud.modelview import ModelView
from app.crud.screens import screens
from app.menu import CATEGORIES
from app.security.roles import Grant
from app.security.scope import check_scope
from app.staff.security_manager import SecurityManager


class BackOffice(AppBuilder):
    """Flask-AppBuilder with our security manager, pages and menu."""

    security_manager_class = SecurityManager

    def init_app(self, app: Flask, session) -> None:
        """Register the pages and store the permissions they need."""
        app.config["FAB_BASE_TEMPLATE"] = "appbuilder/baselayout.html"
        self.security_manager_class = SecurityManager
        super().init_app(app, session)
        app.extensions["resources"] = {
            screen.table.model: screen.class_permission_name
            for screen in screens()
            if not screen.is_trash
        }
        app.extensions["common_permissions"] = frozenset(
            (grant.permission, grant.resource) for grant in self.grants() if grant.area is None
        )
        app.extensions["grants"] = {
            (grant.permission, grant.resource): (grant.area, grant.level)
            for grant in self.grants()
        }

    def _add_admin_views(self) -> None:
        """Register our views instead of Flask-AppBuilder's own."""
        for name, label, icon in CATEGORIES:
            self.menu.add_category(name, icon=icon, label=label)
        pages = sorted((*ModelView.all(), *Page.all()), key=lambda page: page.order)
        for page in pages:
            if page.label is None or not page.in_menu:
                instance = self.add_view_no_menu(page)
            else:
                instance = self.add_view(
                    page, page.__name__, icon=page.icon, label=page.label, category=page.category
                )
            self._set_special_view(instance)
        for api in (*ModelApi.all(), *Api.all()):
            self.add_api(api)
        self._check_scopes()

    def _check_scopes(self) -> None:
        """Raise TypeError if a view links to a model that does not say which rows staff may see."""
        for view in self.baseviews:
            if isinstance(view, ModelView):
                for name in {*view.list_columns, *view.edit_columns, *view.search_columns}:
                    if view.datamodel.is_relation(name):
                        check_scope(view.datamodel.get_related_model(name))

    def _set_special_view(self, page: PageMeta) -> None:
        """Set the views that Flask-AppBuilder refers to: index, sign-in and user view."""
        if page.fab_name == "index":
            self._indexview = page
        elif page.fab_name == "auth":
            self.sm.auth_view = page
        elif page.fab_name == "user":
            self.sm.user_view = page

    def pages(self) -> Iterator[PageMeta]:
        """Yield every registered page and view."""
        yield from (view for view in self.baseviews if isinstance(view, PageMeta))

    def grants(self) -> set[Grant]:
        """Return the grants of every page: the permission matrix."""
        return {grant for page in self.pages() for grant in page.grants()}
