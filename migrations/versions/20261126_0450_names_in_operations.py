"""Operations name their list by its list name, not by a class; a verb is called move_to_trash.

The names of classes are free to change from then on. Items hold what undoing needs by verb, so the
name of the verb changes in them as well. Every step is one statement for all rows.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Lists that offered collective actions, by the class of their view.
LISTS = {"ContactView": "contacts"}
OLD_VERB, NEW_VERB = "put_away", "move_to_trash"


def upgrade() -> None:
    _rename_selection_key("view", "list", LISTS)
    _rename_verb(OLD_VERB, NEW_VERB)


def downgrade() -> None:
    _rename_verb(NEW_VERB, OLD_VERB)
    _rename_selection_key("list", "view", {name: view for view, name in LISTS.items()})


def _is_postgres() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _rename_selection_key(old: str, new: str, values: dict[str, str]) -> None:
    """Rename a key of the selections and translate its values; others stay as they are."""
    if _is_postgres():
        value = f"selection ->> '{old}'"
        changed = (
            f"(selection - '{old}') || jsonb_build_object('{new}', {_translated(value, values)})"
        )
        has_key = f"jsonb_exists(selection, '{old}')"
    else:
        value = f"json_extract(selection, '$.{old}')"
        added = f"json_set(selection, '$.{new}', {_translated(value, values)})"
        changed = f"json_remove({added}, '$.{old}')"
        has_key = f"json_type(selection, '$.{old}') IS NOT NULL"
    op.execute(f"UPDATE operation SET selection = {changed} WHERE {has_key}")


def _translated(value: str, values: dict[str, str]) -> str:
    cases = " ".join(f"WHEN '{old}' THEN '{new}'" for old, new in values.items())
    return f"CASE {value} {cases} ELSE {value} END"


def _rename_verb(old: str, new: str) -> None:
    """Rename a verb in the plans, and the key of the same name in the items of these operations."""
    if _is_postgres():
        has_verb = f"""plan @> '[{{"verb": "{old}"}}]'"""
        item = f"(before - '{old}') || jsonb_build_object('{new}', before -> '{old}')"
        has_key = f"jsonb_exists(before, '{old}')"
        verbs = f"""
            SELECT jsonb_agg(
                CASE verb ->> 'verb' WHEN '{old}'
                THEN verb || jsonb_build_object('verb', '{new}') ELSE verb END
                ORDER BY place
            ) FROM jsonb_array_elements(plan) WITH ORDINALITY AS verbs (verb, place)"""
    else:
        has_verb = (
            "EXISTS (SELECT 1 FROM json_each(operation.plan)"
            f" WHERE json_extract(value, '$.verb') = '{old}')"
        )
        added = f"json_set(before, '$.{new}', json_extract(before, '$.{old}'))"
        item = f"json_remove({added}, '$.{old}')"
        has_key = f"json_type(before, '$.{old}') IS NOT NULL"
        verbs = f"""
            SELECT json_group_array(json(
                CASE json_extract(value, '$.verb') WHEN '{old}'
                THEN json_set(value, '$.verb', '{new}') ELSE value END
            )) FROM json_each(operation.plan)"""
    op.execute(
        f"UPDATE operation_item SET before = {item} WHERE {has_key}"
        f" AND operation_id IN (SELECT id FROM operation WHERE {has_verb})"
    )
    op.execute(f"UPDATE operation SET plan = ({verbs}) WHERE {has_verb}")
