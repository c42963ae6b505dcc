"""The rooms (domain packages), lowest floor first.

A room may import the ones listed before it, never the ones after. The same order is enforced
by import-linter (``pyproject.toml``); ``tests/contracts`` compares the two lists.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules

DOMAINS = (
    "i18n",
    "fieldtypes",
    "security",
    "storage",
    "log",
    "search",
    "numbers",
    "states",
    "trash",
    "repositories",
    "importexport",
    "crud",
    "jobs",
    "settings",
    "operations",
    "imports",
    "outbox",
    "merging",
    "entities",
    "tags",
    "staff",
    "accounts",
    "contacts",
    "customfields",
    "duplicates",
)

# Modules that register something when imported, in import order: all models before any listener,
# all listeners before any view.
MODULES = (
    "models", "added_fields", "rules", "merge_rules", "transitions", "undoers", "reactions", "settings",
    "channels", "emails", "periodic", "listeners", "importers", "exporters", "actions", "jobs",
    "tabs", "header_actions", "cards", "form_parts", "views", "api", "commands", "checks",
)  # fmt: skip


def load_all() -> None:
    """Import the modules of every domain, so that its models and plugs are registered."""
    for kind in MODULES:
        for domain in DOMAINS:
            name = f"app.{domain}.{kind}"
            if find_spec(name):
                _import_package(name)


def _import_package(name: str) -> None:
    module = import_module(name)
    for submodule in iter_modules(getattr(module, "__path__", ())):
        import_module(f"{name}.{submodule.name}")
