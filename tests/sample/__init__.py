"""Models, screens and plugs that exist for the tests of one module, in an application of its own.

A test module declares them in a function and overrides the fixture ``app``::

    def declare():
        class Ticket(Model, VersionedRow, Scoped, Logged): ...
        class TicketView(ModelView): ...
        return locals()

    @pytest.fixture(scope="module")
    def app(database, tmp_path_factory):
        with sample_app(database, tmp_path_factory.mktemp("sample"), declare) as app:
            yield app

``app.sample.Ticket`` is then the model; ``session``, ``client_as`` and the people of
``tests/people.py`` are there as in any other test. Afterwards nothing of it is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from flask import Flask
from flask_appbuilder import Model
from sqlalchemy import text
from sqlalchemy.orm import instrumentation

from app.customfields.slots import SlotField
from app.extensions import db
from app.registry import Plug
from app.search.models import Searchable
from app.search.schema import index_statements
from app.security.roles import sync_roles
from tests.databases import TEMPLATES, migrated_app


@contextmanager
def sample_app(
    database: str, folder: Path, declare: Callable[[], dict[str, Any]]
) -> Iterator[Flask]:
    """Give an application with what ``declare`` returns, over a copy of the database with people."""
    # Made without the sample's permissions: other tests copy it too.
    TEMPLATES.url(database, True)
    with declared(declare) as sample, migrated_app(database, folder, with_people=True) as app:
        models = _models(sample)
        searched = [model for model in models if issubclass(model, Searchable)]
        with app.app_context():
            # All others are there already.
            Model.metadata.create_all(db.engine)
            for model in searched:
                for statement in index_statements(model.__tablename__, db.engine.dialect.name):
                    db.session.execute(text(statement))
            sync_roles(app.appbuilder.grants())
            db.session.commit()
        app.sample = sample
        yield app


@contextmanager
def declared(declare: Callable[[], dict[str, Any]]) -> Iterator[SimpleNamespace]:
    """Declare models and plugs inside the block; forget them at its end."""
    plugs = {kind: list(kind._registered) for kind in Plug.__subclasses__()}
    managers, tables = set(Model.registry._managers), set(Model.metadata.tables)
    try:
        yield SimpleNamespace(**declare())
    finally:
        for kind in Plug.__subclasses__():
            # The custom fields are those of the database that was read last, whatever it was.
            fields = [one for one in kind._registered if issubclass(one, SlotField)]
            others = [one for one in plugs.get(kind, []) if not issubclass(one, SlotField)]
            kind._registered[:] = others + fields
        for manager in set(Model.registry._managers) - managers:
            Model.registry._dispose_manager_and_mapper(manager)
            del Model.registry._managers[manager]
        for name in set(Model.metadata.tables) - tables:
            Model.metadata.remove(Model.metadata.tables[name])


def _models(sample: SimpleNamespace) -> list[Any]:
    return [
        value
        for value in vars(sample).values()
        if isinstance(value, type) and instrumentation.opt_manager_of_class(value) is not None
    ]
