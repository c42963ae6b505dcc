"""Demo data: a small federation, the same on every machine."""

from __future__ import annotations

import random
import re
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models import Account, AccountType
from app.contacts.models import Category, Contact, ContactType, Status, Tag
from app.entities.models import Entity
from app.entities.queries import get_root
from app.text import fold
from app.types import now

FIRST_NAMES = (
    "Ana Belén", "Brian", "Concepción", "Diego", "Eulàlia", "Francisco Javier", "Gabriela",
    "Hannah", "Íñigo", "José María", "Kepa", "Lucía", "María del Carmen", "Núria", "Óscar",
    "Patrick", "Raquel", "Sean", "Teresa", "Víctor", "Ximena", "Yolanda", "Zoë", "Emily", "Jack",
)  # fmt: skip
WOMEN = frozenset(
    ("Ana Belén", "Concepción", "Eulàlia", "Gabriela", "Hannah", "Lucía", "María del Carmen",
     "Núria", "Raquel", "Teresa", "Ximena", "Yolanda", "Zoë", "Emily")
)  # fmt: skip
LAST_NAMES = (
    "García-Margallo y Marfil", "O’Neill", "Núñez Ibáñez", "Fernández de la Serna",
    "Llach i Puig", "Rodríguez Sáenz", "Monteagudo", "Schmidt-Ortega", "Peña", "Etxeberria",
    "López", "Castaño Quiñones", "Vázquez", "Ruiz", "Smith", "Ñíguez", "Álvarez de Toledo",
    "Müller", "Sumelzo Jordán", "Walker", "Hernández", "Torres i Vila", "Domínguez", "Baker",
)  # fmt: skip
COMPANIES = (
    ("Coop. Agrícola San Isidro", "Customer", "Cáceres", "ES-CC"),
    ("Ayuntamiento de Cáceres", "Partner", "Cáceres", "ES-CC"),
    ("Imprenta Luz, S. L.", "Supplier", "Sevilla", "ES-SE"),
    ("Fundació Mar", "Partner", "Barcelona", "ES-B"),
    ("Clínica Vega", "Customer", "Badajoz", "ES-BA"),
    ("Harbour & Sons Ltd", "Supplier", "Bilbao", "ES-BI"),
    ("Editorial Ñandú", "Prospect", "Madrid", "ES-M"),
    ("Transportes Guadiana", "Other", "Mérida", "ES-BA"),
)
ENTITIES = (
    ("Región Norte", ("Bilbao", "Santander")),
    ("Región Oeste", ("Cáceres", "Badajoz")),
    ("Delegación Sur", ()),
    ("Catalunya", ("Barcelona",)),
)
TAGS = (
    ("Board", "Junta", "violet"), ("VIP", "VIP", "amber"), ("Translation", "Traducción", "blue"),
    ("E-invoice", "Factura electrónica", "grey"), ("No SMS", "No enviar SMS", "red"),
)  # fmt: skip
CITIES = (
    ("Cáceres", "ES-CC", "10001"), ("Badajoz", "ES-BA", "06001"), ("Bilbao", "ES-BI", "48001"),
    ("Barcelona", "ES-B", "08001"), ("Sevilla", "ES-SE", "41001"), ("Santander", "ES-S", "39001"),
)  # fmt: skip
# Of a man and of a woman.
POSITIONS = (
    ("", ""), ("", ""), ("Secretario de la junta", "Secretaria de la junta"),
    ("Tesorero", "Tesorera"), ("Coordinador", "Coordinadora"),
    ("Responsable de voluntariado", "Responsable de voluntariado"),
)  # fmt: skip


def fill_with_demo(session: Session) -> None:
    """Create demo entities, accounts, tags and 160 contacts, one of them twice."""
    rng = random.Random(7)
    top = get_root(session)
    entities = [top]
    for name, branches in ENTITIES:
        region = Entity(name=name, parent=top)
        session.add(region)
        session.flush()
        entities.append(region)
        for branch in branches:
            child = Entity(name=branch, parent=region)
            session.add(child)
            session.flush()
            entities.append(child)
    tags = list(session.scalars(select(Tag)))
    for position, (label_en, label_es, colour) in enumerate(TAGS, 2):
        tag = Tag(
            label_en=label_en, label_es=label_es, colour=colour, position=position * 10,
            is_active=True,
        )  # fmt: skip
        session.add(tag)
        tags.append(tag)
    accounts: list[Account] = []
    emails: set[str] = set()
    account_types = {row.label_en: row for row in session.scalars(select(AccountType))}
    # Numbers of their own: the people stay the same whatever companies have.
    company_rng = random.Random(11)
    for name, kind, city, province in COMPANIES:
        account = Account(
            name=name, type=account_types.get(kind), city=city, province=province, country="ES",
            entity=top, tags=company_rng.sample(tags, company_rng.choice((0, 1, 1, 2))),
            tax_number=f"{company_rng.choice('ABF')}{company_rng.randint(10_000_000, 99_999_999)}",
            email=_email(emails, name.partition(",")[0]), phone=f"+3492721{rng.randint(1000, 9999)}",
        )  # fmt: skip
        session.add(account)
        accounts.append(account)
    session.flush()
    types = list(session.scalars(select(ContactType).order_by(ContactType.position)))
    statuses = list(session.scalars(select(Status).order_by(Status.position)))
    categories = list(session.scalars(select(Category)))
    known: Contact | None = None
    # Numbers of their own, as above: when each was added, most of them lately.
    history_rng, today = random.Random(13), now()
    for _number in range(160):
        first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
        if rng.random() < 0.5 and " " not in last:
            last = f"{last} {rng.choice(LAST_NAMES).split()[0]}"
        city, province, postcode = rng.choice(CITIES)
        is_woman = first in WOMEN
        contact = Contact(
            first_name=first,
            last_name=last,
            salutation=rng.choice(("ms" if is_woman else "mr",) * 2 + (None,)),
            email=_email(emails, first, last) if rng.random() < 0.85 else None,
            mobile=f"+346{rng.randint(10_000_000, 99_999_999)}" if rng.random() < 0.8 else None,
            phone=f"+3492{rng.randint(1_000_000, 9_999_999)}" if rng.random() < 0.4 else None,
            street=f"C/ Mayor, {rng.randint(1, 90)}",
            city=city,
            province=province,
            postcode=postcode,
            country="ES",
            birth_date=date(rng.randint(1940, 2008), rng.randint(1, 12), rng.randint(1, 28)),
            language=rng.choice(("es", "es", "es", "en")),
            position=rng.choice(POSITIONS)[is_woman] or None,
            entity=rng.choice(entities),
            account=rng.choice(accounts) if rng.random() < 0.45 else None,
            type=rng.choices(types, (50, 15, 12, 8, 10, 5))[0],
            status=rng.choices(statuses, (80, 12, 8))[0],
            category=rng.choice(categories) if rng.random() < 0.3 else None,
            tags=rng.sample(tags, rng.choice((0, 0, 0, 1, 1, 2, 3))),
            created_at=today - timedelta(hours=min(history_rng.expovariate(1 / 5_000), 30_000)),
        )
        session.add(contact)
        session.flush()
        if (
            known is None
            and contact.mobile
            and contact.last_name != fold(contact.last_name).title()
        ):
            known = contact
    if known is not None:
        session.add(_twice(known))
        session.flush()


def _twice(contact: Contact) -> Contact:
    """Return a contact again, as somebody types it who does not look first: a duplicate."""
    copied = ("first_name", "salutation", "mobile", "birth_date", "city", "province", "postcode",
              "country", "language", "entity", "type", "status")  # fmt: skip
    values = {name: getattr(contact, name) for name in copied}
    return Contact(last_name=fold(contact.last_name).title(), **values)


def _email(taken: set[str], *names: str) -> str:
    """Return a plausible address at example.org that is not taken yet."""
    words = [re.findall("[a-z]+", fold(name).replace("'", "").replace("-", "")) for name in names]
    first, last = words[0], words[-1]
    if len(names) == 1:
        spellings = ["".join(first)]
    else:
        spellings = [
            f"{''.join(first)}.{last[0]}",
            f"{first[0]}.{last[0]}",
            f"{first[0][0]}.{last[0]}",
            f"{''.join(first)}.{''.join(last)}",
            f"{last[0]}.{first[0]}",
            f"{last[-1]}.{first[0]}",
        ]
    address = next(
        f"{spelling}@example.{end}"
        for end in ("org", "net", "com")
        for spelling in spellings
        if f"{spelling}@example.{end}" not in taken
    )
    taken.add(address)
    return address
