"""Your account → API: the page that describes the API."""

from __future__ import annotations

from flask import current_app
from flask_appbuilder import expose

from app.crud.api.pages import describe_other, describe_resource, model_apis, other_apis
from app.crud.api.schemas import error_meanings
from app.crud.basepage import Page


class ApiPage(Page):
    """The page that describes the API."""

    route_base = "/account/api"
    default_view = "describe"

    @expose("/")
    def describe(self):
        """Show every resource with its fields and filters."""
        return self.render_template(
            "staff/account/api.html",
            title="API",
            resources=[describe_resource(api) for api in model_apis()],
            other_apis=[describe_other(api) for api in other_apis()],
            refusals=error_meanings(),
            root=current_app.config["PUBLIC_URL"],
        )
