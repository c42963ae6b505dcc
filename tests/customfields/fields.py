"""Define custom fields as the page Settings → Custom fields does."""

from __future__ import annotations

from typing import Any

from app.customfields import loading
from app.customfields.models import CustomField, CustomOption
from app.customfields.services import complete_field
from app.extensions import db


def a_field(kind: str = "text", label: str = "Shirt size", **fields: Any) -> CustomField:
    """Define a custom field of contacts, unless ``subject`` says otherwise."""
    options = fields.pop("options", ())
    field = CustomField(
        kind=kind, label_en=label, label_es=fields.pop("label_es", f"{label} (es)"),
        subject=fields.pop("subject", "contact"), **fields,
    )  # fmt: skip
    field.options = [
        CustomOption(label_en=en, label_es=es, position=place)
        for place, (en, es) in enumerate(options, 1)
    ]
    with db.session.no_autoflush:
        complete_field(db.session(), field)
    db.session.add(field)
    db.session.commit()
    loading.refresh()
    return field
