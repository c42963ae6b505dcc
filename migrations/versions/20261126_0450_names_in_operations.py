"""Store list names instead of class names in operations, and rename the verb put_away.

Names of classes are free to change from then on. The items of an operation hold what undoing
needs by verb, so the verb is renamed in them, too. Each statement changes all rows.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Only the list of contacts has collective actions so far.
VIEW, LIST = ("view", "ContactView"), ("list", "contacts")
OLD_VERB, NEW_VERB = "put_away", "move_to_trash"

# Parameters: a key, its value; the new key, its new value.
SELECTIONS = {
    "postgresql": """
        UPDATE operation SET selection = (selection - CAST(:old AS text)) || jsonb_build_object(
            CAST(:new AS text),
            CASE selection ->> CAST(:old AS text)
                WHEN :old_value THEN :new_value ELSE selection ->> CAST(:old AS text) END
        ) WHERE jsonb_exists(selection, CAST(:old AS text))""",
    "sqlite": """
        UPDATE operation SET selection = json_remove(json_set(
            selection, '$.' || :new,
            CASE json_extract(selection, '$.' || :old)
                WHEN :old_value THEN :new_value ELSE json_extract(selection, '$.' || :old) END
        ), '$.' || :old) WHERE json_type(selection, '$.' || :old) IS NOT NULL""",
}
# Parameters: a verb and its new name.
ITEMS = {
    "postgresql": """
        UPDATE operation_item SET before = (before - CAST(:old AS text))
            || jsonb_build_object(CAST(:new AS text), before -> CAST(:old AS text))
        WHERE jsonb_exists(before, CAST(:old AS text)) AND operation_id IN (
            SELECT operation.id FROM operation, jsonb_array_elements(plan) AS verb
            WHERE verb ->> 'verb' = :old
        )""",
    "sqlite": """
        UPDATE operation_item SET before = json_remove(
            json_set(before, '$.' || :new, json_extract(before, '$.' || :old)), '$.' || :old
        )
        WHERE json_type(before, '$.' || :old) IS NOT NULL AND operation_id IN (
            SELECT operation.id FROM operation, json_each(plan) AS verb
            WHERE json_extract(verb.value, '$.verb') = :old
        )""",
}
PLANS = {
    "postgresql": """
        UPDATE operation SET plan = (
            SELECT jsonb_agg(
                CASE verb ->> 'verb' WHEN :old
                    THEN verb || jsonb_build_object('verb', CAST(:new AS text)) ELSE verb END
                ORDER BY place
            ) FROM jsonb_array_elements(plan) WITH ORDINALITY AS verbs (verb, place)
        ) WHERE EXISTS (
            SELECT 1 FROM jsonb_array_elements(plan) AS verb WHERE verb ->> 'verb' = :old
        )""",
    "sqlite": """
        UPDATE operation SET plan = (
            SELECT json_group_array(json(
                CASE json_extract(verb.value, '$.verb') WHEN :old
                    THEN json_set(verb.value, '$.verb', :new) ELSE verb.value END
            )) FROM json_each(plan) AS verb
        ) WHERE EXISTS (
            SELECT 1 FROM json_each(plan) AS verb
            WHERE json_extract(verb.value, '$.verb') = :old
        )""",
}


def upgrade() -> None:
    _rename_list(VIEW, LIST)
    _rename_verb(OLD_VERB, NEW_VERB)


def downgrade() -> None:
    _rename_verb(NEW_VERB, OLD_VERB)
    _rename_list(LIST, VIEW)


def _rename_list(old: tuple[str, str], new: tuple[str, str]) -> None:
    _execute(SELECTIONS, old=old[0], old_value=old[1], new=new[0], new_value=new[1])


def _rename_verb(old: str, new: str) -> None:
    # The items first: which ones have the verb is read from the plans.
    _execute(ITEMS, old=old, new=new)
    _execute(PLANS, old=old, new=new)


def _execute(statements: dict[str, str], **values: str) -> None:
    connection = op.get_bind()
    connection.execute(sa.text(statements[connection.dialect.name]), values)
