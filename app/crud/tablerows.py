"""The rows of a list as HTML: most of a page, which a template would take three times as long for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from markupsafe import Markup, escape

from app.crud.columns import Cell

# How many values a cell of several shows; the others are in the title of a last one.
MAX_CHIPS = 2


def table_rows(
    rows: Sequence[tuple[int, list[Cell]]],
    routes: Sequence[str],
    *,
    screen: Any,
    can_tick: bool,
    mover: Callable[[int, str], str] | None,
) -> Markup:
    """Return the rows of a page of a screen's list, each (id, cells).

    ``routes`` holds for each column the URL prefix of the rows it links to. ``mover`` returns the
    buttons that move the row with an id and a name; without it there are none.
    """
    face = _initials if screen.has_faces else _icon if screen.shows_icon else _no_face
    own = f"<td><a href={escape(screen.route_base)}/show/"
    prefixes = [escape(route) for route in routes]
    parts: list[str] = []
    for row_id, cells in rows:
        parts.append("<tr>")
        name = escape(cells[0].text)
        if can_tick:
            parts.append(
                f"<td><input type=checkbox name=rowid value={row_id} form=acts"
                f' aria-label="{name}">'
            )
        for cell, route in zip(cells, prefixes, strict=True):
            shape = cell.shape
            if shape == "none":
                parts.append("<td>")
            elif shape == "title":
                parts.append(f"{own}{row_id}>{face(row_id, cell)}{name or '—'}</a>")
            elif shape == "link" and route:
                parts.append(f"<td><a href={route}{cell.extra}>{escape(cell.text)}</a>")
            elif shape == "file" and hasattr(screen, "file"):
                address = f"{escape(screen.route_base)}/file/{row_id}/{cell.extra}"
                parts.append(f"<td><a href={address}>{escape(cell.text)}</a>")
            elif shape in _SHAPES:
                parts.append("<td>" + _SHAPES[shape](cell))
            elif shape == "move":
                ways = "" if mover is None else mover(row_id, cells[0].text)
                parts.append(f"<td>{ways}")
            else:
                parts.append(f"<td>{escape(cell.text)}")
    if parts:
        # What follows would stand in the last cell, which is not empty then.
        parts.append("</td></tr>")
    return Markup("".join(parts))


def _initials(row_id: int, cell: Cell) -> str:
    return f'<i class=a{row_id % 6} data-i="{escape(cell.extra)}"></i>'


def _icon(row_id: int, _cell: Cell) -> str:
    return f'<i class=a{row_id % 6}><svg class=icon><use href="#face"/></svg></i>'


def _no_face(_row_id: int, _cell: Cell) -> str:
    return "<i hidden></i>"


def _chip(cell: Cell) -> str:
    return f'<b class="{escape(cell.extra)}">{escape(cell.text)}</b>'


def _chips(cell: Cell) -> str:
    shown = "".join(
        f'<em class="{escape(colour)}">{escape(label)}</em> '
        for label, colour in cell.extra[:MAX_CHIPS]
    )
    if not (more := cell.extra[MAX_CHIPS:]):
        return shown
    names = escape(", ".join(label for label, _colour in more))
    return f'{shown}<em title="{names}">+{len(more)}</em>'


def _email(cell: Cell) -> str:
    address = escape(cell.text)
    return f'<a href="mailto:{address}">{address}</a>'


def _phone(cell: Cell) -> str:
    return f'<a href="tel:{escape(cell.extra)}">{escape(cell.text)}</a>'


def _expiring(cell: Cell) -> str:
    text = str(escape(cell.text))
    return f'<b class=amber title="{escape(cell.extra)}">{text}</b>' if cell.extra else text


def _url(cell: Cell) -> str:
    address = escape(cell.text)
    return f'<a href="{address}" rel=noreferrer>{address}</a>'


def _uses(cell: Cell) -> str:
    return ", ".join(
        f'<a href="{escape(url)}">{escape(text)}</a>' if url else str(escape(text))
        for text, url in cell.extra
    )


_SHAPES: dict[str, Callable[[Cell], str]] = {
    "chip": _chip, "chips": _chips, "email": _email, "phone": _phone, "url": _url, "uses": _uses,
    "expiring": _expiring,
}  # fmt: skip
