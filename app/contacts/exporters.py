"""Which contacts the command line means by ``field=value``: in an export, in an action."""

from __future__ import annotations

from collections.abc import Iterable

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Select, func, or_
from sqlalchemy.orm import Session

from app.contacts.importers import contact_fields
from app.contacts.models import Contact
from app.entities.models import Entity
from app.entities.queries import below
from app.errors import DomainError
from app.importexport.fields import Field, LinkField, ManyField, ValueField
from app.importexport.column_mapping import find_field
from app.importexport.lookups import Named, Resolver, Tree
from app.fieldtypes import Hints
from app.operations.conditions import Where
from app.search.queries import matching, words
from app.security.actor import Actor
from app.security.scope import visible
from app.text import clean, fold


def contacts_where(
    session: Session, conditions: Iterable[str], actor: Actor, country: str
) -> Select:
    """Select the contacts that meet every ``field=value``; values of one field are alternatives."""
    by_field: dict[str, list[str]] = {}
    for condition in conditions:
        name, sign, value = condition.partition("=")
        if not sign or not clean(value):
            raise DomainError(_("“%(text)s” is not field=value.", text=condition[:80]))
        by_field.setdefault(name.strip(), []).append(clean(value))
    query = visible(Contact, actor)
    for name, values in by_field.items():
        if name == "q":
            for value in values:
                if not words(value):
                    raise DomainError(_("“%(text)s” is nothing to search for.", text=value[:80]))
                query = query.where(matching(session, Contact, value))
            continue
        found = find_field(contact_fields(), name)
        query = query.where(
            or_(*(_condition(session, found, value, actor, country) for value in values))
        )
    return query


class ContactsWhere(Where):
    """Conditions on contacts."""

    model = Contact

    @classmethod
    def select(
        cls, session: Session, conditions: Iterable[str], actor: Actor, country: str
    ) -> Select:
        return contacts_where(session, conditions, actor, country)


def contact_columns(names: str) -> tuple[Field, ...]:
    """Return the fields of a list of names; all of them when it is empty."""
    if not names.strip():
        return contact_fields()
    return tuple(
        dict.fromkeys(find_field(contact_fields(), name.strip()) for name in names.split(","))
    )


def _condition(
    session: Session, found: Field, value: str, actor: Actor, country: str
) -> ColumnElement[bool]:
    attribute = getattr(Contact, found.key)
    if isinstance(found, ValueField):
        if found.kind.name in ("text", "lines"):
            return func.padron_fold(attribute) == fold(value)
        return attribute == found.parse(value, Hints(country))
    assert isinstance(found, LinkField | ManyField)
    resolver: Resolver = found.resolver(session, found.model, actor, False)
    resolver.look_up([value])
    if isinstance(resolver, Named):
        ids = {ref.id for ref in resolver.known.get(resolver.key(value), ())}
        if not ids:
            resolver.find(value)
        return attribute.in_(ids)
    wanted = resolver.find(value).id
    if isinstance(resolver, Tree):
        entity = session.get(Entity, wanted)
        return attribute.in_(below(session, entity.path) if entity else ())
    if isinstance(found, ManyField):
        return attribute.any(id=wanted)
    return attribute == wanted
