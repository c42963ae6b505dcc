"""Collective actions on every model that inherits a mixin, and what a room's own actions are made of."""

from app.operations.actionbase import (
    Action,
    ActionForm,
    ChangeRelation,
    ReasonField,
    RelationField,
    RepositoryField,
)

__all__ = [
    "Action",
    "ActionForm",
    "ChangeRelation",
    "ReasonField",
    "RelationField",
    "RepositoryField",
]
