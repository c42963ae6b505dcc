"""Every screen is found by its key and by its model, and its name stands nowhere as text."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from app.crud.basepage import Page
from app.crud.modelview import ModelView
from app.crud.screens import find_screen, screen_named, screen_of, screens
from app.domains import DOMAINS
from app.entities.models import Entity
from app.trash.models import trashables

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [
    path
    for path in (ROOT / "app").rglob("*")
    if path.suffix in (".py", ".html") and path.is_file()
]


def test_every_view_over_a_model_is_a_screen_with_a_key_of_its_own(session):
    assert {type(screen) for screen in screens()} == set(ModelView.all())
    keys = Counter(screen.key for screen in screens())
    assert set(keys.values()) == {1}
    for screen in screens():
        assert 0 < len(screen.key) <= 64
        assert screen_named(screen.key) is screen


def test_a_model_has_one_screen_beside_its_trash(session):
    for screen in screens():
        assert screen.is_trash == screen.table.datamodel.with_trash
        if not screen.is_trash:
            assert screen_of(screen.table.model) is screen


def test_whatever_can_be_deleted_into_the_trash_is_found_there(session):
    found = {screen.table.model for screen in screens() if screen.is_trash}
    assert found == {model for model in trashables() if find_screen(model)}


def test_a_key_or_a_model_without_a_screen_is_not_found(session):
    class Unseen:
        pass

    assert screen_named("unseen") is None
    assert find_screen(Unseen) is None
    with pytest.raises(LookupError, match="Unseen"):
        screen_of(Unseen)


def test_the_name_of_a_view_is_typed_nowhere():
    """A permission is derived from classes: a renamed class must not take a right away."""
    names = {view.__name__ for view in (*ModelView.all(), *Page.all())}
    typed = re.compile("|".join(rf"[\"']{name}[\"']" for name in sorted(names)))
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in SOURCES
        for match in typed.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_views_are_searched_for_in_one_place():
    scans = [
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if re.search(r"\bbaseviews\b", path.read_text(encoding="utf-8"))
    ]
    assert sorted(scans) == ["app/backoffice.py", "app/crud/screens.py"]


def test_crud_names_no_room_above_it():
    """Neither its templates nor its code have addresses, templates, views or columns of a room."""
    above = DOMAINS[DOMAINS.index("crud") + 1 :]
    views = {
        view.__name__
        for view in (*ModelView.all(), *Page.all())
        if not view.__module__.startswith("app.crud.")
    }
    addresses = "|".join(sorted({*above, "users", "roles", "account"}))
    forbidden = re.compile(
        rf"[\"'/](?:{addresses})/|\b(?:{'|'.join(sorted(views))})\."
        r"|\brow\.(?:email|phone|mobile|first_name)\b"
    )
    folders = ("templates/crud", "templates/appbuilder/general/model")
    texts = {
        path.relative_to(ROOT): path.read_text(encoding="utf-8")
        for folder in folders
        for path in (ROOT / "app" / folder).rglob("*.html")
    }
    for path in (ROOT / "app/crud").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        texts[path.relative_to(ROOT)] = "\n".join(
            repr(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings
        )
    assert len(texts) > 60
    found = [
        f"{path}: {match.group()}"
        for path, text in texts.items()
        for match in forbidden.finditer(text)
    ]
    assert found == []


def test_a_list_over_a_part_of_its_rows_leaves_the_others_out(session):
    table = screen_of(Entity).table
    state = table.read_state()
    ids = set(session.scalars(table.select_ids(state)))
    one, *others = sorted(ids)
    part = table.where(Entity.id == one)
    assert set(session.scalars(part.select_ids(state))) == {one}
    assert part.datamodel.get(one).id == one
    assert part.datamodel.get(others[0]) is None
    assert set(session.scalars(part.where(Entity.id == others[0]).select_ids(state))) == set()
    # The list itself is as it was.
    assert set(session.scalars(table.select_ids(state))) == ids
