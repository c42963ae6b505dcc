"""A contact: a person the organisation deals with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask_appbuilder import Model
from flask_babel import lazy_gettext as _l
from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from app.accounts.models import Account
from app.addresses import Address
from app.contacts.models.repositories import Category, ContactType, Status
from app.entities.models import Entity
from app.log.models import Logged
from app.merging.models import Mergeable
from app.models import VersionedRow
from app.numbers.models import Numbered
from app.search.models import Searchable, search_table
from app.security.scope import Scoped
from app.staff.models import StaffUser
from app.storage.models import photo_index
from app.subjects import Customizable, Discussed, Documented
from app.tags.models import Tagged
from app.text import digits, fold, sort_key
from app.trash.models import Trashable
from app.types import SortKey

SALUTATIONS = {"mr": _l("Mr"), "ms": _l("Ms"), "mx": _l("Mx"), "dr": _l("Dr"), "prof": _l("Prof.")}
# Columns whose text the search finds; of telephones, the digits.
SEARCHED_COLUMNS = (
    "first_name", "last_name", "email", "number", "phone", "mobile", "secondary_phone",
    "position", "city", "former_numbers",
)  # fmt: skip
LANGUAGES = {"en": _l("English"), "es": _l("Spanish")}


# The links to values: a list is often filtered by several of them.
_VALUES = ("type_id", "category_id", "status_id")


def _sort_index(column: str) -> Index:
    """Return an index that sorts a list and, on PostgreSQL, includes the columns of the scope.

    That of a value includes the other values, so that two filters are counted from one index.
    """
    others = [name for name in _VALUES if name != column] if column in _VALUES else []
    include = ["entity_id", "trashed_at", *others]
    return Index(f"ix_contact_{column}", column, "id", postgresql_include=include)


class Contact(
    Model,
    VersionedRow,
    Address,
    Scoped,
    Mergeable,
    Searchable,
    Logged,
    Numbered,
    Tagged,
    Documented,
    Discussed,
    Customizable,
):
    """A person the organisation deals with: member, donor, volunteer, supplier, customer…"""

    __tablename__ = "contact"
    __table_args__ = (
        *Trashable.live_index("ix_contact_sort", "sort_name", "id", include=("entity_id",)),
        *Trashable.live_index(
            "ix_contact_entity_sort",
            "entity_id",
            "sort_name",
            "id",
            # The account decides whether a search may find the row by its name.
            include=("type_id", "status_id", "account_id"),
        ),
        *(_sort_index(name) for name in ("email", "birth_date", "created_at")),
        # The rows of an entity are found among those of a value without reading these.
        *(_sort_index(name) for name in (*_VALUES, "account_id")),
        # Their values are read one by one, in the reader's alphabet.
        *(
            index
            for name in ("city", "postcode", "country")
            for index in Trashable.live_index(
                f"ix_contact_{name}", name, "id", include=("entity_id",)
            )
        ),
        Index("ix_contact_user", "user_id", unique=True),
        *Trashable.trash_index("contact"),
        *Mergeable.merged_index("contact"),
        *photo_index("contact", "photo"),
    )
    series = "contact"
    search_table = search_table("contact", is_scoped=True)
    search_linked = "account"
    search_columns = (*SEARCHED_COLUMNS, "account_id")
    search_dates = ("birth_date",)
    search_number = "number"
    name_parts = ("first_name", "last_name")

    number: Mapped[str] = mapped_column(
        SortKey(32),
        unique=True,
        info={"kind": "code", "label": _l("Member number"), "searched": True},
    )
    salutation: Mapped[str | None] = mapped_column(
        String(8),
        info={
            "kind": "choice",
            "choices": SALUTATIONS,
            "label": _l("Salutation"),
            "also": {
                "mr": ("Sr", "Sr.", "Don", "D", "Mister"),
                "ms": ("Sra", "Sra.", "Srta", "Doña", "Dª", "Mrs", "Miss"),
                "dr": ("Dra", "Doctor", "Doctora"),
                "prof": ("Profesor", "Profesora", "Professor"),
            },
        },
    )
    first_name: Mapped[str | None] = mapped_column(
        String(80), info={"label": _l("First name"), "searched": True}
    )
    last_name: Mapped[str] = mapped_column(
        String(120),
        info={
            "label": _l("Last name"),
            "searched": True,
            "required_message": _l("Enter a last name."),
        },
    )
    sort_name: Mapped[str] = mapped_column(SortKey(), default="")
    position: Mapped[str | None] = mapped_column(
        String(120), info={"label": _l("Position"), "searched": True}
    )
    department: Mapped[str | None] = mapped_column(String(120), info={"label": _l("Department")})
    email: Mapped[str | None] = mapped_column(
        SortKey(254), info={"kind": "email", "label": _l("E-mail"), "searched": True}
    )
    phone: Mapped[str | None] = mapped_column(
        String(40), info={"kind": "phone", "label": _l("Phone"), "searched": True}
    )
    mobile: Mapped[str | None] = mapped_column(
        String(40), info={"kind": "phone", "label": _l("Mobile"), "searched": True}
    )
    secondary_phone: Mapped[str | None] = mapped_column(
        String(40), info={"kind": "phone", "label": _l("Secondary phone"), "searched": True}
    )
    birth_date: Mapped[date | None] = mapped_column(
        info={"is_past": True, "label": _l("Birth date")}
    )
    language: Mapped[str | None] = mapped_column(
        String(2),
        info={
            "kind": "choice",
            "choices": LANGUAGES,
            "label": _l("Preferred language"),
            "also": {"en": ("English", "Inglés"), "es": ("Spanish", "Español", "Castellano")},
        },
    )
    photo: Mapped[str | None] = mapped_column(
        String(80), info={"kind": "photo", "label": _l("Photo")}
    )
    notes: Mapped[str | None] = mapped_column(Text, info={"label": _l("Notes")})
    # The member numbers of those who were merged into this contact, which the search finds.
    former_numbers: Mapped[str | None] = mapped_column(
        Text, info={"label": _l("Former member numbers")}
    )

    entity_id: Mapped[int] = mapped_column(ForeignKey("entity.id"))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"))
    manager_id: Mapped[int | None] = mapped_column(
        ForeignKey("contact.id", ondelete="SET NULL"), index=True
    )
    # The back-office user of this person, if they have one.
    user_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"))
    type_id: Mapped[int | None] = mapped_column(ForeignKey("contact_type.id"))
    category_id: Mapped[int | None] = mapped_column(ForeignKey("category.id"))
    status_id: Mapped[int | None] = mapped_column(ForeignKey("status.id"))

    entity: Mapped[Entity] = relationship(info={"label": _l("Entity")})
    account: Mapped[Account | None] = relationship(info={"label": _l("Account")})
    manager: Mapped[Contact | None] = relationship(
        remote_side="Contact.id", passive_deletes=True, info={"label": _l("Line manager")}
    )
    user: Mapped[StaffUser | None] = relationship(passive_deletes=True, info={"label": _l("User")})
    type: Mapped[ContactType | None] = relationship(info={"label": _l("Type")})
    category: Mapped[Category | None] = relationship(info={"label": _l("Category")})
    status: Mapped[Status | None] = relationship(info={"label": _l("Status")})

    @validates("first_name", "last_name")
    def _update_sort_name(self, key: str, name: str | None) -> str | None:
        names = {"first_name": self.first_name, "last_name": self.last_name, key: name}
        self.sort_name = contact_sort_name(names["last_name"], names["first_name"])
        return name

    @property
    def name(self) -> str:
        """Return the full name: first name, last name."""
        return " ".join(part for part in (self.first_name, self.last_name) if part)

    def search_text(self) -> str:
        """Return the text contacts are found by: see ``contact_search_text``."""
        return contact_search_text({name: getattr(self, name) for name in SEARCHED_COLUMNS})

    def __str__(self) -> str:
        return self.name


def contact_sort_name(last_name: str | None, first_name: str | None) -> str:
    """Return the key contacts are sorted by: last name, then first name."""
    return sort_key(f"{last_name or ''} {first_name or ''}".strip())


def contact_search_text(values: Mapping[str, Any]) -> str:
    """Return the folded text that the search finds a contact by: the values of some columns."""
    parts = (
        digits(values.get(name) or "") if "phone" in name or name == "mobile" else values.get(name)
        for name in SEARCHED_COLUMNS
    )
    return fold(" ".join(part for part in parts if part))
