"""What Flask-AppBuilder honours and ours would ignore fails at class creation, with advice."""

from __future__ import annotations

from typing import Any

import flask_appbuilder as fab
import pytest
from flask_appbuilder.api import BaseApi
from flask_appbuilder.baseviews import AbstractViewApi, BaseCRUDView, BaseModelView, BaseView

from app.accounts.views import AccountView
from app.contacts.models import Contact
from app.contacts.views.contacts import ContactView
from app.crud.api import Api, ModelApi
from app.crud.basepage import Page
from app.crud.fabnames import (
    IGNORED_BY_API,
    IGNORED_BY_MODEL_API,
    IGNORED_BY_MODEL_VIEW,
    IGNORED_BY_PAGE,
)
from app.crud.interface import ScopedInterface
from app.crud.modelview import ModelView
from app.crud.repositoryview import RepositoryView

# Name → a part of the advice.
MODEL_VIEW = {
    "add_form_query_rel_fields": "scope(actor)",
    "add_integrity_error_message": "crud/formpages.py",
    "add_row_message": "crud/formpages.py",
    "add_widget": "add_template",
    "base_filters": "scope(actor)",
    "base_order": "base_sort",
    "database_error_message": "crud/formpages.py",
    "delete_integrity_error_message": "crud/showpages.py",
    "delete_row_message": "crud/showpages.py",
    "download": "another name",
    "edit_form_query_rel_fields": "scope(actor)",
    "edit_integrity_error_message": "crud/formpages.py",
    "edit_row_message": "crud/formpages.py",
    "edit_title": "str(row)",
    "edit_widget": "edit_template",
    "formatters_columns": "field type",
    "is_get_mutation_allowed": "POST",
    "limits": "security.throttle",
    "list_widget": "list_template",
    "method_permission_name": "@permission_name",
    "page_size": "preference",
    "post_add": "after_save",
    "post_add_redirect": "after_save_redirect",
    "post_delete": "remove(row)",
    "post_delete_redirect": "delete(pk)",
    "post_edit_redirect": "after_save_redirect",
    "post_update": "after_save",
    "pre_add": "before_save",
    "pre_delete": "why_not_deleted",
    "pre_update": "before_save",
    "prefill_form": "make_edit_form",
    "previous_class_permission_name": "migration",
    "previous_method_permission_name": "migration",
    "process_form": "before_save",
    "related_views": "Tab",
    "search_form": "search_columns",
    "search_form_extra_fields": "FilterConverter",
    "search_form_query_rel_fields": "scope(actor)",
    "search_widget": "crud/filters.html",
    "show_title": "str(row)",
    "show_widget": "show_template",
    "title": "label",
    "validators_columns": "states.rules.Rule",
}
PAGE = ("limits", "method_permission_name", "previous_class_permission_name")
API = ("allow_browser_login", "limits", "openapi_spec_methods", "responses")
ROUTES = {"action", "action_post", "add", "delete", "edit", "list", "show"}
# Public names of Flask-AppBuilder's classes that ours honour.
HONOURED = {
    "appbuilder", "base_permissions", "blueprint", "class_permission_name", "create_blueprint",
    "default_view", "endpoint", "exclude_route_methods", "extra_args", "get_default_url",
    "get_init_inner_views", "get_method_permission", "get_redirect", "get_uninit_inner_views",
    "include_route_methods", "render_template", "route_base", "static_folder",
    "template_folder", "update_redirect",
}  # fmt: skip
HONOURED_BY_MODEL_VIEW = HONOURED | ROUTES | {
    "actions", "add_columns", "add_exclude_columns", "add_fieldsets", "add_form",
    "add_form_extra_fields", "add_template", "add_title", "datamodel", "description_columns",
    "edit_columns", "edit_exclude_columns", "edit_fieldsets", "edit_form",
    "edit_form_extra_fields", "edit_template", "get_action_permission_name", "label_columns",
    "list_columns", "list_template", "list_title", "order_columns", "search_columns",
    "search_exclude_columns", "show_columns", "show_exclude_columns", "show_fieldsets",
    "show_template",
}  # fmt: skip
HONOURED_BY_API = HONOURED | {
    "csrf_exempt", "delete", "get", "get_list", "post", "resource_name", "response",
    "response_400", "response_401", "response_403", "response_404", "response_422",
    "response_500", "version",
}  # fmt: skip


def public_names(*classes: type) -> set[str]:
    """Return the public names that the classes define or annotate."""
    return {
        name
        for one in classes
        for name in {**vars(one), **getattr(one, "__annotations__", {})}
        if not name.startswith("_")
    }


def subclass(base: type, **attributes: Any) -> type:
    """Create a subclass of a view or an API."""
    return type(base)("Example", (base,), {"__module__": __name__, **attributes})


@pytest.mark.parametrize(("name", "advice"), MODEL_VIEW.items())
def test_a_model_view_with_an_ignored_name_is_refused(name, advice):
    with pytest.raises(TypeError) as refusal:
        subclass(ModelView, datamodel=ScopedInterface(Contact), **{name: None})
    assert f"Example.{name} " in str(refusal.value)
    assert advice in str(refusal.value)


@pytest.mark.parametrize("base", [RepositoryView, ContactView])
def test_a_subclass_of_any_of_our_views_is_refused_too(base):
    with pytest.raises(TypeError, match="base_filters"):
        subclass(base, base_filters=[])


def test_an_ignored_name_in_a_mixin_is_refused():
    class Mixin:
        def pre_add(self, item):
            """Do nothing."""

    with pytest.raises(TypeError, match="pre_add"):
        type(ModelView)("Example", (Mixin, ModelView), {"datamodel": ScopedInterface(Contact)})


def test_a_refused_view_is_not_registered():
    before = ModelView.all()
    with pytest.raises(TypeError):
        subclass(ModelView, base_order=("id", "desc"))
    assert ModelView.all() == before


@pytest.mark.parametrize("name", PAGE)
def test_a_page_with_an_ignored_name_is_refused(name):
    with pytest.raises(TypeError, match=name):
        subclass(Page, **{name: None})


@pytest.mark.parametrize("name", API)
def test_an_api_with_an_ignored_name_is_refused(name):
    with pytest.raises(TypeError, match=name):
        subclass(Api, **{name: None})


@pytest.mark.parametrize("name", sorted(IGNORED_BY_MODEL_API))
def test_a_model_api_with_an_ignored_name_is_refused(name):
    with pytest.raises(TypeError, match=name):
        subclass(ModelApi, view=AccountView, **{name: None})


@pytest.mark.parametrize(
    ("classes", "ignored", "honoured"),
    [
        ((BaseView, AbstractViewApi), IGNORED_BY_PAGE, HONOURED),
        (
            (BaseView, AbstractViewApi, BaseModelView, BaseCRUDView, fab.ModelView),
            IGNORED_BY_MODEL_VIEW,
            HONOURED_BY_MODEL_VIEW,
        ),
        (
            (BaseApi,),
            IGNORED_BY_API,
            HONOURED_BY_API | {"merge_current_user_permissions", "set_response_key_mappings"},
        ),
        (
            (BaseApi, fab.ModelRestApi),
            IGNORED_BY_MODEL_API,
            HONOURED_BY_API - {"class_permission_name", "resource_name"},
        ),
    ],
)
def test_every_name_of_flask_appbuilder_is_either_honoured_or_refused(classes, ignored, honoured):
    """A new version of Flask-AppBuilder that adds a name must be decided on."""
    names = public_names(*classes)
    assert names - set(ignored) - honoured == set()
    assert set(ignored) <= names
    assert set(ignored).isdisjoint(honoured)


def test_every_refused_name_of_a_model_view_has_a_test():
    assert set(MODEL_VIEW) == set(IGNORED_BY_MODEL_VIEW)


def test_description_columns_are_honoured(app):
    view = next(one for one in app.appbuilder.baseviews if isinstance(one, ContactView))
    with app.test_request_context("/"):
        form = view.edit_form(meta={"csrf": False})
        description = str(form.number.description)
    assert description == str(ContactView.description_columns["number"])
