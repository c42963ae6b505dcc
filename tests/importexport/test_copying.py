"""PostgreSQL streams an export out of one snapshot, over a connection that comes back clean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import text

from app.contacts.importers import ContactImporter
from app.contacts.models import Contact
from app.database import reading
from app.extensions import db
from app.importexport import copying
from app.importexport.copying import export_snapshot
from app.importexport.exporter import Exporter
from app.security.scope import visible
from app.trash.services import move_to_trash
from tests.databases import migrated_app
from tests.factories import a_contact
from tests.people import ALICIA

pytestmark = pytest.mark.both_databases


@pytest.fixture(scope="module", params=["postgres"])
def database(request):
    return request.param


@pytest.fixture
def exported(tmp_path, monkeypatch) -> Iterator[Any]:
    """Give the blocks of an export of three contacts, a line each, as a download has them."""
    monkeypatch.setattr(copying, "BLOCK_BYTES", 1)
    with migrated_app("postgres", tmp_path, with_people=True) as app, app.app_context():
        for name in ("Uno", "Dos", "Tres"):
            a_contact(last_name=name)
        db.session.commit()
        with ExitStack() as stack:
            with reading():
                reader = stack.enter_context(export_snapshot(db.session()))
                actor = ALICIA.as_actor()
                exporter = Exporter(reader, Contact, ContactImporter().export_fields(), actor)
                chosen = exporter.choose(visible(Contact, actor), is_whole=True)
                db.session.rollback()
            yield chosen.count, exporter.blocks(chosen)
        db.session.remove()
        assert db.engine.pool.checkedout() == 0


def test_rows_that_change_meanwhile_are_written_as_they_were_counted(exported):
    count, blocks = exported
    header = next(blocks)
    move_to_trash(db.session.query(Contact).filter_by(last_name="Dos").one(), ALICIA.as_actor())
    a_contact(last_name="Cuatro")
    db.session.commit()
    lines = [*blocks]
    assert header.startswith("Member number,")
    assert len(lines) == count == 3
    assert b"Dos" in lines[1]


def test_who_leaves_ends_the_statement(exported):
    _count, blocks = exported
    next(blocks), next(blocks)
    blocks.close()
    running = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                   " AND state = 'active' AND query LIKE 'COPY%'")  # fmt: skip
    assert db.session.scalar(running) == 0
