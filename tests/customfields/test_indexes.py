"""A field that lists are sorted by has an index, and no other slot has one."""

from __future__ import annotations

import pytest
from sqlalchemy import inspect, select

from app.customfields import loading, periodic
from app.customfields.conversion import (
    confirm_conversion,
    open_conversion,
    start_conversion,
    undo_conversion,
)
from app.customfields.kinds import MAX_INDEXES
from app.customfields.models import CustomField
from app.customfields.services import complete_field, follow_change
from app.errors import DomainError
from app.extensions import db
from app.jobs.models import Job
from app.jobs.runner import run_now
from app.security.actor import SYSTEM
from app.trash.services import move_to_trash, restore
from app.types import now
from tests.customfields.fields import a_field
from tests.databases import migrated_app

pytestmark = pytest.mark.both_databases


@pytest.fixture
def own_app(database, tmp_path):
    """Give an app on a database of its own: PostgreSQL makes indexes outside of transactions."""
    with migrated_app(database, tmp_path) as app, app.app_context():
        yield app
        loading.forget_all()
        db.session.remove()


def run_jobs() -> None:
    db.session.commit()
    waiting = select(Job.id).where(Job.state == "queued").order_by(Job.id)
    while ids := db.session.scalars(waiting).all():
        db.session.commit()
        for number in ids:
            assert run_now(number, wait_seconds=5) == "done"
    loading.refresh()


def indexes() -> set[str]:
    found = inspect(db.session.connection()).get_indexes("contact")
    db.session.commit()
    return {one["name"] for one in found if one["name"].startswith("ix_custom_")}


def field_now(number: int) -> CustomField:
    query = select(CustomField).where(CustomField.id == number)
    return db.session.scalars(
        query.execution_options(populate_existing=True, with_trash=True)
    ).one()


def saved(field: CustomField) -> None:
    with db.session.no_autoflush:
        complete_field(db.session(), field)
    follow_change(db.session(), field, SYSTEM)
    db.session.commit()
    run_jobs()


def test_the_index_follows_the_field_through_its_whole_life(own_app, monkeypatch):
    field = a_field(label="Certificate", is_sortable=True)
    number, text = field.id, {"ix_custom_t01_contact"}
    saved(field)
    assert indexes() == text
    assert field_now(number).is_indexed
    # What a killed job has left is made anew.
    field_now(number).is_indexed = False
    saved(field_now(number))
    assert indexes() == text

    conversion = start_conversion(db.session(), field_now(number), "date", SYSTEM)
    run_jobs()
    assert indexes() == text
    confirm_conversion(db.session(), conversion, SYSTEM)
    run_jobs()
    assert indexes() == {"ix_custom_d01_contact"}
    assert field_now(number).is_indexed
    conversion = open_conversion(db.session(), field_now(number))
    undo_conversion(db.session(), conversion, SYSTEM)
    run_jobs()
    assert indexes() == text

    move_to_trash(field_now(number), SYSTEM)
    run_jobs()
    assert indexes() == set()
    assert not field_now(number).is_indexed
    restore(field_now(number))
    run_jobs()
    assert indexes() == text
    assert field_now(number).is_indexed

    # Of a field removed by an earlier version the index is still there when it is emptied.
    with monkeypatch.context() as patch:
        patch.setattr("app.customfields.reactions.enqueue_indexing", lambda *_args: None)
        move_to_trash(field_now(number), SYSTEM)
        db.session.commit()
    field_now(number).trashed_at = now() - periodic.KEPT_FOR * 2
    db.session.commit()
    periodic.EmptyRemovedFields().run(own_app)
    run_jobs()
    assert field_now(number).slot is None
    assert indexes() == set()


def test_a_field_that_is_sorted_by_no_more_loses_its_index(own_app):
    field, other = a_field("number", "Height", is_sortable=True), a_field("number", "Weight")
    other.is_sortable = True
    saved(field)
    assert indexes() == {"ix_custom_n01_contact", "ix_custom_n02_contact"}
    field.is_sortable = False
    saved(field)
    assert indexes() == {"ix_custom_n02_contact"}


def test_a_restored_field_must_fit_in_beside_those_there_are(session):
    removed = a_field(label="Licence", is_sortable=True)
    move_to_trash(removed, SYSTEM)
    session.commit()
    same = a_field(label="Licence")
    restore(removed)
    with pytest.raises(DomainError) as refused:
        session.commit()
    assert refused.value.field == "label_en"
    session.rollback()
    same.label_en = same.label_es = "Other"
    for number in range(MAX_INDEXES):
        a_field(label=f"Field {number}", is_sortable=True)
    restore(field_now(removed.id))
    with pytest.raises(DomainError) as refused:
        session.commit()
    assert refused.value.field == "is_sortable"
    session.rollback()
