"""The actions that contacts inherit from their mixins, as the list of contacts offers them."""

from __future__ import annotations

from app.contacts.models import Contact
from app.operations.actions.change_entity import ChangeEntity as AnyChangeEntity
from app.operations.actions.delete import Delete as AnyDelete
from app.tags.actions.add_tag import AddTag as AnyAddTag
from app.tags.actions.remove_tag import RemoveTag as AnyRemoveTag

AddTag, RemoveTag = AnyAddTag.on(Contact), AnyRemoveTag.on(Contact)
ChangeEntity, Delete = AnyChangeEntity.on(Contact), AnyDelete.on(Contact)
