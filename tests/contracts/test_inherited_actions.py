"""What every model gets with its mixins: Trashable brings Delete, Scoped brings Change entity."""

from __future__ import annotations

import pytest

from app.crud.modelview import ModelView
from app.crud.screens import screens
from app.operations.actions.change_entity import ChangeEntity
from app.operations.actions.delete import Delete
from app.security.scope import Scoped
from app.staff.models import StaffUser
from app.trash.models import Trashable
from tests.contracts.action_cases import (
    a_row_for,
    answers_for,
    every_action_on_every_model,
    user_who_may,
)
from tests.contracts.database_contents import compare_contents, read_contents
from tests.operations.run_actions import do, preview, undo

pytestmark = pytest.mark.usefixtures("session")

# A listener checks the privileges of who deletes them, one by one.
ONE_BY_ONE = {StaffUser}
MODELS = {view.datamodel.obj for view in ModelView.all()}


@pytest.mark.parametrize(("mixin", "action"), [(Trashable, Delete), (Scoped, ChangeEntity)])
def test_every_list_of_a_model_that_inherits_the_mixin_offers_the_action(mixin, action):
    models = {model for model in MODELS if issubclass(model, mixin)} - ONE_BY_ONE
    assert len(models) > 1
    for screen in screens():
        offered = screen.collective.get(action.action_name())
        is_due = screen.table.model in models and not screen.is_trash
        assert offered is (action.on(screen.table.model) if is_due else None), screen.key


@every_action_on_every_model
def test_it_does_what_it_previews_and_undoing_it_leaves_all_as_it_was(kind, connection):
    answers, actor = answers_for(kind), user_who_may(kind).as_actor()
    row, before = a_row_for(kind, answers), read_contents(connection)
    assert preview(kind, actor, [row], **answers).will_change == 1
    operation = do(kind, actor, [row], **answers)
    assert operation.changed == 1
    assert compare_contents(before, read_contents(connection))
    undo(operation, actor)
    assert compare_contents(before, read_contents(connection)) == {}
