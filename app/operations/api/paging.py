"""The query parameters of the API's pages of operations and items."""

from __future__ import annotations

from flask import abort, request
from flask_babel import gettext as _

from app.crud.interface import parse_id
from app.crud.listing import SIZES
from app.text import clean


def check_parameters(known: tuple[str, ...]) -> None:
    """Abort with 400 if the query string has an unknown parameter."""
    for name in request.args:
        if name not in known:
            abort(400, _("Parameter “%(name)s” doesn’t exist.", name=clean(name)[:80]))


def read_page(known: tuple[str, ...], place: str) -> tuple[int, int]:
    """Return the page size and the id after which the page begins."""
    check_parameters(known)
    size = request.args.get("size", str(SIZES[0]))
    if size not in {str(one) for one in SIZES}:
        sizes = ", ".join(str(one) for one in SIZES)
        abort(400, _("Choose a page size: %(sizes)s.", sizes=sizes))
    begins = parse_id(request.args.get(place, "0"))
    if begins is None:
        abort(400, _("This page doesn’t exist. Use “next” and “previous” exactly as returned."))
    return int(size), begins


def next_url(base: str, last: int | None, place: str, size: int, outcome: str = "") -> str | None:
    """Return the address of the next page, or None if there is none."""
    if last is None:
        return None
    return f"{base}?size={size}&{place}={last}" + (f"&outcome={outcome}" if outcome else "")
