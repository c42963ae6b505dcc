"""The contract of every collective action: names, permissions, scope and validation."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from flask_babel.speaklater import LazyString
from sqlalchemy import func, select

from app.crud.trashview import TrashView
from app.extensions import db
from app.layout import icon
from app.operations.actionbase import REASONS, Action, answer_fields
from app.operations.models import Operation
from app.operations.transitions import TransitionAction
from app.security.actor import SYSTEM
from app.security.areas import Level
from app.security.roles import LIMITED_ADMINISTRATOR, Grant
from app.trash.models import Trashable
from app.trash.services import move_to_trash
from tests.contracts.action_cases import (
    ACTIONS,
    ON_EVERY_MODEL,
    a_row_for,
    answers_for,
    every_action,
    list_post_url,
    user_who_may,
    user_who_may_not,
    views_of,
)
from tests.contracts.fingerprint import changed_tables, fingerprint
from tests.contracts.hostile import ALL_VALUES
from tests.contracts.url_values import MISSING_ID
from tests.factories import a_row, the_entity
from tests.operations.run_actions import action_with, do, items_of, job_of, screen_of
from tests.people import ALICIA, CLARA, DIEGO, Person, add_person
from tests.sampling import IS_FULL

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(path for path in (ROOT / "app").glob("*/actions/*.py") if path.stem != "__init__")
SPANISH = ROOT / "translations/es/LC_MESSAGES/messages.po"

pytestmark = pytest.mark.usefixtures("session")


def drafts() -> int:
    return db.session.scalar(select(func.count(Operation.id))) or 0


# Names


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_of_actions_holds_one_action_with_the_name_of_the_file(path):
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    held = [
        thing
        for thing in vars(import_module(name)).values()
        if isinstance(thing, type) and issubclass(thing, Action) and thing.__module__ == name
    ]
    assert [kind.action_name() for kind in held] == [path.stem]
    # What has no model is the base of actions that are made, such as one for each added field.
    assert held[0] in Action.all() or not hasattr(held[0], "model")


@every_action
def test_an_action_is_in_the_actions_folder_of_a_room(kind):
    if issubclass(kind, TransitionAction):
        return
    assert kind.__module__.split(".")[::2] == ["app", "actions"]
    assert ROOT.joinpath(*kind.__module__.split(".")).with_suffix(".py") in FILES


def test_names_of_actions_are_unique_for_each_model():
    names = [(kind.model, kind.action_name()) for kind in ON_EVERY_MODEL]
    assert len(names) == len(set(names)) > 0


@every_action
def test_all_texts_of_an_action_are_translated(kind):
    said = [kind.label, kind.help, kind.button, kind.unchanged_label, kind.unchanged_outcome]
    said += kind.reasons.values()
    said += [kind.transition.logged] if issubclass(kind, TransitionAction) else []
    said += [field.label.text for field in answer_fields(kind.build_form())]
    assert kind.label
    assert [text for text in said if text and not isinstance(text, LazyString)] == []
    with SPANISH.open("rb") as file:
        known = {message.id for message in read_po(file) if message.string and not message.fuzzy}
    assert [str(text) for text in said if text and text._args[0] not in known] == []


@every_action
def test_its_icon_exists(kind):
    assert "<path" in icon(kind.icon)


@every_action
def test_each_reason_that_a_batch_gives_has_a_sentence_and_is_used(kind):
    batch = action_with(kind, ALICIA.as_actor(), answers_for(kind)).batch()
    given = {reason for _where, reason in (*batch.refusals, *batch.skips)}
    if issubclass(kind, TransitionAction):
        # What its checks say stands for itself.
        given = {reason for reason in given if " " not in reason}
    assert given - set(REASONS) == set(kind.reasons)


@every_action
def test_its_batch_has_a_verb(kind):
    assert action_with(kind, ALICIA.as_actor(), answers_for(kind)).batch().verbs


# Lists


@every_action
def test_it_is_offered_on_every_list_of_its_model_with_its_own_permission(kind):
    name = kind.action_name()
    for view in views_of(kind):
        if isinstance(view, TrashView):
            assert name not in view.collective
            continue
        assert view.collective[name] is kind
        area, resource = kind.area or view.area, view.class_permission_name
        assert [grant for grant in view.grants() if grant.permission == name] == [
            Grant(area, Level.EDIT, name, resource, view.is_personal)
        ]
    assert any(name in view.collective for view in views_of(kind))


# Permissions


@every_action
def test_its_permission_is_sufficient_to_run_it(kind, client_as):
    answers = answers_for(kind)
    row, person = a_row_for(kind, answers), user_who_may(kind)

    reply = client_as(person).post(
        list_post_url(kind), data={"action": kind.action_name(), "rowid": row.id}
    )
    assert reply.status_code == 302
    operation = db.session.scalars(select(Operation).order_by(Operation.id.desc())).first()
    assert reply.location == f"/operations/{operation.id}/"
    assert (operation.action, operation.actor_id) == (kind.action_name(), person.user.id)

    operation = do(kind, person.as_actor(), [row], **answers)
    assert job_of(operation).state == "done"
    assert operation.changed == 1


@every_action
def test_without_its_permission_it_is_refused(kind, client_as, connection):
    row = a_row_for(kind, answers_for(kind))
    limited = Person("limited", "Norte", LIMITED_ADMINISTRATOR)
    add_person(limited)
    refused = [user_who_may_not(kind), CLARA, DIEGO]
    if screen_of(kind).is_personal:
        refused.append(limited)
    browsers = [client_as(person) for person in refused]
    before = fingerprint(connection)

    for browser in browsers:
        ticked = {"action": kind.action_name(), "rowid": row.id}
        assert browser.post(list_post_url(kind), data=ticked).status_code == 403
        everything = {"action": kind.action_name(), "all": "1"}
        assert browser.post(list_post_url(kind), data=everything).status_code == 403
    assert changed_tables(before, fingerprint(connection)) == []


@every_action
def test_a_visitor_cannot_start_it(kind, client_as):
    row = a_row_for(kind, answers_for(kind))
    reply = client_as(None).post(
        list_post_url(kind), data={"action": kind.action_name(), "rowid": row.id}
    )
    assert reply.status_code in (302, 401, 403)
    assert drafts() == 0


# Scope


def ids_out_of_scope(kind: type[Action]) -> dict[str, int]:
    """Return ids of rows that nobody in the Northern entity may select."""
    found = {"nobody's": MISSING_ID}
    if hasattr(kind.model, "scope"):
        found["foreign"] = a_row(kind.model, "Sur").id
    if issubclass(kind.model, Trashable):
        for name in ("trashed", "purged"):
            row = a_row(kind.model)
            move_to_trash(row, SYSTEM)
            found[name] = row.id
            if name == "purged":
                db.session.delete(row)
        db.session.commit()
    return found


@every_action
def test_one_row_out_of_scope_refuses_the_whole_selection(kind, client_as, connection):
    own = a_row_for(kind, answers_for(kind)).id
    numbers = ids_out_of_scope(kind)
    browser = client_as(user_who_may(kind))
    before = fingerprint(connection)

    replies = {
        (name, *ticked): browser.post(
            list_post_url(kind), data={"action": kind.action_name(), "rowid": ticked}
        ).status_code
        for name, number in numbers.items()
        for ticked in ([number], [own, number], [number, own])
    }

    assert set(replies.values()) == {403}, replies
    assert changed_tables(before, fingerprint(connection)) == []


@every_action
@pytest.mark.parametrize(
    "number", ["", "abc", "-1", "1.5", "²", "99999999999999999999", "1 OR 1=1"]
)
def test_an_id_that_is_not_a_number_is_refused(kind, number, client_as):
    own = a_row_for(kind, answers_for(kind)).id
    ticked = {"action": kind.action_name(), "rowid": [own, number]}
    assert client_as(ALICIA).post(list_post_url(kind), data=ticked).status_code == 400
    assert drafts() == 0


@every_action
def test_a_whole_list_selects_only_rows_that_the_actor_may_see(kind):
    answers = answers_for(kind)
    own = {a_row_for(kind, answers).id, a_row_for(kind, answers, "Bilbao").id}
    others = set(ids_out_of_scope(kind).values())

    operation = do(kind, user_who_may(kind).as_actor(), None, **answers)

    found = set(items_of(operation))
    assert own <= found
    assert not others & found
    assert (
        operation.matched
        == len(found)
        == operation.changed + operation.skipped + (operation.already + operation.refused)
    )


# Hostile answers


@every_action
def test_hostile_answers_get_an_error_beside_the_field(kind):
    good = answers_for(kind)
    for field in answer_fields(kind.build_form()):
        for turn in range(0, len(ALL_VALUES), 1 if IS_FULL else 3):
            typed = {name: [str(value)] for name, value in good.items()}
            form = kind.build_form(typed | {field.name: [ALL_VALUES[turn][1]]})
            if not form.validate():
                assert list(form.errors) == [field.name], ALL_VALUES[turn]
                assert all(map(str, form.errors[field.name]))


@every_action
def test_required_fields_are_validated(kind):
    form = kind.build_form({})
    needed = {field.name for field in answer_fields(form) if field.flags.required}
    assert form.validate() is (not needed)
    assert set(form.errors) == needed


def test_the_scope_of_the_actor_depends_on_their_entity(client_as):
    """A user of Bilbao does not see the rows of the North above it."""
    kind = ACTIONS[0]
    row, answers = a_row(kind.model), answers_for(kind)
    ticked = {"action": kind.action_name(), "rowid": row.id}
    assert (
        client_as(user_who_may(kind, "Bilbao")).post(list_post_url(kind), data=ticked).status_code
        == 403
    )
    assert the_entity("Bilbao").parent is the_entity("Norte")
    assert do(kind, user_who_may(kind).as_actor(), [row], **answers).matched == 1
