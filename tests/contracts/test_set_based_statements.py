"""Set-based UPDATE and DELETE act on a condition, never only on ids that were read earlier."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

APP = Path(__file__).parents[2] / "app"

# Statements over ids alone, and why no change in between can mislead them.
REASONS = {
    ("crud/submissions.py", "record_created_row"): "the key was claimed in the same transaction",
    ("customfields/conversion.py", "empty_rows"): "the chunk was locked in the same transaction",
    ("customfields/indexes.py", "refresh_indexes"): "it says which indexes were made just now",
    ("customfields/jobs.py", "step"): "the chunk was locked; the leased job alone says the rest",
    ("entities/listeners.py", "_update_paths"): "the root of the tree is locked",
    ("imports/jobs/checking.py", "step"): "the import was locked in the same transaction",
    ("imports/jobs/checking.py", "end"): "the leased job alone writes them",
    ("imports/jobs/importing.py", "step"): "the leased job alone writes its report",
    ("imports/rows.py", "write_items"): "it adds to the stored counts",
    ("imports/services.py", "start_check"): "the import was locked in the same transaction",
    ("imports/services.py", "confirm"): "the import was locked in the same transaction",
    ("imports/services.py", "delete_expired"): "their job has ended, and the file is gone",
    ("imports/services.py", "_expire_files"): "the import was locked in the same transaction",
    ("imports/undoing.py", "_write_outcomes"): "it adds to the stored counts",
    ("jobs/leases.py", "_update"): "the job was locked in the same transaction",
    ("operations/apply.py", "update_statement"): "the chunk was locked, then judged",
    ("operations/undo.py", "write_gone"): "items are written by the leased job alone",
    ("operations/engine.py", "update_item"): "items are written by the leased job alone",
    ("operations/engine.py", "_add_counts"): "it adds to the stored counts",
    ("operations/insertverb.py", "changed"): "items are written by the leased job alone",
    ("operations/verbs.py", "unlinking"): "the chunk was locked, then judged",
    ("repositories/services.py", "move_value"): "all values of the list are locked",
    ("search/services.py", "rebuild"): "it deletes everything, to write it again",
    ("security/roles.py", "sync_roles"): "permissions are immutable pairs of names",
    ("security/roles.py", "_sync_seeded_roles"): "only the code decides on seeded roles",
    ("security/throttle.py", "reset_count"): "the count is reset, whatever it is",
    ("security/two_factor.py", "delete_recovery_codes"): "all codes go, used or not",
    ("storage/services.py", "forget_files"): "whoever forgets a file no longer names it",
    ("staff/login.py", "open_session"): "it adds to the stored count",
    ("staff/unique_names.py", "claim_names"): "its own UPDATE, with the version, comes next",
}


class Statement(NamedTuple):
    """An UPDATE or DELETE in the source: its place and the arguments of its ``where``."""

    file: str
    function: str
    line: int
    conditions: tuple[ast.expr, ...]

    def __str__(self) -> str:
        return f"{self.file}:{self.line} ({self.function})"


def statements() -> Iterator[Statement]:
    """Yield every ``update(…)`` and ``delete(…)`` of SQLAlchemy in the program."""
    for path in sorted(APP.rglob("*.py")):
        tree = ast.parse(path.read_text())
        if any(
            isinstance(node, ast.ImportFrom)
            and node.module == "sqlalchemy"
            and any(name.name in ("update", "delete") for name in node.names)
            for node in ast.walk(tree)
        ):
            yield from _statements_below(tree, "", path.relative_to(APP).as_posix())


def _statements_below(node: ast.AST, function: str, file: str) -> Iterator[Statement]:
    """Yield the statements inside a node, each with the whole chain of calls on it."""
    if isinstance(node, ast.FunctionDef):
        function = node.name
    chain: list[ast.expr] = []
    inner: ast.AST = node
    while isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute):
        if inner.func.attr == "where":
            chain += inner.args
        inner = inner.func.value
    name = (
        inner.func.id if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) else ""
    )
    if name in ("update", "delete"):
        yield Statement(file, function, inner.lineno, tuple(chain))
        return
    for child in ast.iter_child_nodes(node):
        yield from _statements_below(child, function, file)


def _is_identity(condition: ast.expr) -> bool:
    """Return True for ``….id == x``, ``….row_id.in_(x)`` and the like, and for a variable."""
    if isinstance(condition, ast.Name):
        return True
    compared: ast.expr | None = None
    if isinstance(condition, ast.Compare) and isinstance(condition.ops[0], ast.Eq):
        compared = condition.left
    elif isinstance(condition, ast.Call) and isinstance(condition.func, ast.Attribute):
        is_list = condition.func.attr == "in_" and "select(" not in ast.unparse(condition)
        compared = condition.func.value if is_list else None
        if condition.func.attr == "is_one_of":
            compared = condition.args[0]
    if isinstance(compared, ast.Name):
        return True
    return isinstance(compared, ast.Attribute) and compared.attr.endswith(("id", "key", "_column"))


def acts_on_ids_alone(statement: Statement) -> bool:
    names = [c for c in statement.conditions if isinstance(c, ast.Name)]
    if names and len(statement.conditions) > 1:
        # A condition that has a name, beside the ids.
        return False
    return all(_is_identity(condition) for condition in statement.conditions)


def test_every_set_based_statement_has_a_condition_or_a_reason():
    found = list(statements())
    assert len(found) > 30
    alone = [s for s in found if acts_on_ids_alone(s)]
    unexplained = [str(s) for s in alone if (s.file, s.function) not in REASONS]
    assert not unexplained, "act on ids alone: lock the rows or repeat the condition"
    stale = set(REASONS) - {(s.file, s.function) for s in alone}
    assert not stale, "no such statement any more"


@pytest.mark.parametrize(
    ("source", "is_alone"),
    [
        ("delete(model).where(model.id.in_(ids))", True),
        ("session.execute(delete(Message))", True),
        ("update(Job).where(Job.id == job.id).values(state='done')", True),
        ("delete(model).where(model.id.in_(ids), model.trashed_at.is_not(None))", False),
        ("update(Job).where(Job.id == job_id).where(Job.state == 'queued')", False),
        ("update(Key).where(Key.id == key_id, is_older)", False),
        ("update(Item).where(items)", True),
    ],
)
def test_the_statements_that_act_on_ids_alone_are_recognised(source, is_alone):
    [found] = _statements_below(ast.parse(source), "", "")
    assert acts_on_ids_alone(found) is is_alone
