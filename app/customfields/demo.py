"""Demo data: custom fields that a federation has, and their values."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.contacts.models import Contact
from app.customfields import loading
from app.customfields.models import CustomField, CustomOption
from app.customfields.services import complete_field, follow_change
from app.i18n.clock import today
from app.security.actor import SYSTEM

SPORT = {"section_en": "Sport", "section_es": "Deporte"}
SIZES = (("S", "S"), ("M", "M"), ("L", "L"), ("XL", "XL"))
SPORTS = (("Athletics", "Atletismo"), ("Swimming", "Natación"), ("Chess", "Ajedrez"))
FIELDS: tuple[tuple[dict[str, Any], tuple[tuple[str, str], ...]], ...] = (
    (
        {
            "kind": "date", "label_en": "Medical certificate", "label_es": "Certificado médico",
            "help_en": "Day of issue. It holds for a year.",
            "help_es": "Fecha de expedición. Vale un año.",
            "validity_months": 12, "warn_days": 30, **SPORT,
        },
        (),
    ),
    ({"kind": "choice", "label_en": "Shirt size", "label_es": "Talla", **SPORT}, SIZES),
    ({"kind": "choices", "label_en": "Sports", "label_es": "Deportes", **SPORT}, SPORTS),
    ({"kind": "flag", "label_en": "Photos allowed", "label_es": "Permite fotografías"}, ()),
)  # fmt: skip


def fill_with_demo(session: Session) -> None:
    """Define some custom fields and give most contacts values of them; commits."""
    fields = []
    for values, options in FIELDS:
        field = CustomField(subject="contact", **values)
        field.options = [
            CustomOption(label_en=en, label_es=es, position=place)
            for place, (en, es) in enumerate(options, 1)
        ]
        with session.no_autoflush:
            complete_field(session, field)
        session.add(field)
        session.flush()
        follow_change(session, field, SYSTEM)
        fields.append(field)
    session.commit()
    loading.refresh()
    rng = random.Random(23)
    certificate, size, sports, photos = fields
    for contact in session.scalars(select(Contact).order_by(Contact.id)):
        if rng.random() < 0.7:
            setattr(contact, certificate.name, today() - timedelta(days=rng.randrange(420)))
            setattr(contact, size.name, str(rng.choice(size.options).id))
            chosen = rng.sample(sports.options, rng.randint(1, 2))
            codes = sorted(option.id for option in chosen)
            setattr(contact, sports.name, "".join(f"|{code}|" for code in codes))
        if rng.random() < 0.5:
            setattr(contact, photos.name, rng.random() < 0.8)
    session.commit()
