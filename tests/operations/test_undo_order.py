"""Random sequences of actions, undone in reverse, leave no trace."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.contacts.actions.change_category import ChangeCategory
from app.contacts.actions.change_status import ChangeStatus
from app.contacts.actions.change_type import ChangeType
from app.contacts.models import Category, ContactType, Status, Tag
from tests.contact_actions import AddTag, ChangeEntity, Delete, RemoveTag
from tests.contracts.database_contents import compare_contents, read_contents
from tests.contracts.matrix import undo as all_undone
from tests.factories import a_contact, a_value, the_entity
from tests.operations.run_actions import do, undo
from tests.people import ALICIA

pytestmark = [pytest.mark.usefixtures("session"), pytest.mark.both_databases]

FEW = settings(
    max_examples=12,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
TOUCHED = ("contact", "contact_tag", "contact_search")
# An action, one of two values, and some of four rows.
STEPS = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.integers(0, 1),
        st.sets(st.integers(0, 3), min_size=1).map(sorted),
    ),
    min_size=1,
    max_size=8,
)


@FEW
@given(STEPS)
def test_undoing_a_sequence_in_reverse_restores_everything(plugs, connection, steps):
    with all_undone(connection):
        _go_there_and_back(plugs, connection, steps)


def _go_there_and_back(plugs, connection, steps) -> None:
    tags, statuses, types, categories = (
        [a_value(model).id for _n in range(2)] for model in (Tag, Status, ContactType, Category)
    )
    entities = [the_entity(name).id for name in ("Norte", "Bilbao")]
    plain = [{"birth_date": "2024-02-29", "notes": ""}, {"birth_date": "", "notes": "null"}]
    welcome = [
        {"status": status, "position": text, "tag": tag}
        for status, text, tag in zip(statuses, ("", "Socia"), tags, strict=True)
    ]
    doings = [
        (AddTag, [{"tag": tag} for tag in tags]),
        (RemoveTag, [{"tag": tag} for tag in tags]),
        (ChangeStatus, [{"status": statuses[0]}, {"status": "none"}]),
        (ChangeType, [{"type": number} for number in types]),
        (ChangeCategory, [{"category": number} for number in categories]),
        (ChangeEntity, [{"entity": number, "reason": "Porque sí"} for number in entities]),
        (Delete, [{}, {}]),
        (plugs["Welcome"], welcome),
        (plugs["ChangePlain"], plain),
        (plugs["Retire"], [{}, {}]),
    ]
    rows = [a_contact(), a_contact(notes="1.0", position="Vocal")]
    rows += [a_contact("Bilbao", birth_date=date(1, 1, 1)), a_contact(position="retired")]
    # An administrator may do also what is no right of anybody's.
    actor, done = ALICIA.as_actor(), []
    start = read_contents(connection, TOUCHED)
    for which, value, places in steps:
        kind, answers = doings[which]
        chosen = [rows[place] for place in places if not rows[place].is_trashed]
        if not chosen:
            continue
        before = read_contents(connection, TOUCHED)
        done.append((do(kind, actor, chosen, **answers[value]), before))
    while done:
        operation, before = done.pop()
        if operation.changed:
            operation = undo(operation, actor)
            assert (operation.undone, operation.kept) == (operation.changed, 0)
        assert compare_contents(before, read_contents(connection, TOUCHED)) == {}
    assert compare_contents(start, read_contents(connection, TOUCHED)) == {}
