"""Contacts → Duplicates: the list of pairs, the search, and the hint while a contact is typed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import abort, flash, redirect, render_template, request
from flask_appbuilder import expose, has_access
from flask_appbuilder.security.decorators import permission_name
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import inspect

from app.contacts.models import Contact
from app.contacts.views.contacts import ContactView
from app.crud.basepage import Page
from app.crud.interface import parse_id
from app.crud.limits import TooSlow, time_limit
from app.crud.screens import screen_of
from app.duplicates import queries, services
from app.duplicates.comparing import COMPARED
from app.duplicates.models import OPEN, REASONS, STATES, DuplicatePair
from app.errors import DomainError
from app.extensions import db
from app.fieldtypes import Hints, get_field_type
from app.i18n.formats import is_day_first
from app.operations.transactions import committed_and_reading
from app.security.actor import current_actor
from app.security.areas import Area

PAGE_SIZE = 25
# What is shown of two contacts, beside their names.
SHOWN = ("number", "email", "phone", "mobile", "birth_date", "street", "postcode", "city")


def reason_labels(reasons: int) -> list[Any]:
    """Return what two contacts have in common, in words."""
    return [label for bit, label in REASONS.items() if reasons & bit]


def read_place() -> tuple[int, int, int] | None:
    """Return the (score, low id, high id) after which a page begins; abort with 400."""
    typed = request.args.get("after", "")
    if not typed:
        return None
    parts = [parse_id(part) for part in typed.split("-")]
    found = [part for part in parts if part is not None]
    if len(parts) != 3 or len(found) != 3:
        abort(400)
    return found[0], found[1], found[2]


class DuplicatesView(Page):
    """The pairs of contacts that may be the same person; it takes the permissions of contacts."""

    route_base = "/duplicates"
    default_view = "list"
    class_permission_name = ContactView.__name__
    label = _l("Duplicates")
    icon = "intersect"
    category = "Contacts"
    order = 15
    area = Area.CONTACTS

    @expose("/")
    @has_access
    @permission_name("list")
    def list(self):
        """List the pairs, the likeliest first."""
        state, reason, after = self._asked()
        actor, session = current_actor(), db.session()
        pairs = queries.pairs_after(session, actor, after, PAGE_SIZE + 1, state, reason)
        shown = pairs[:PAGE_SIZE]
        ids = {row_id for pair in shown for row_id in (pair.low_id, pair.high_id)}
        rows = queries.load_contacts(session, actor, ids)
        last = shown[-1] if len(pairs) > PAGE_SIZE else None
        return self.render_template(
            "duplicates/list.html",
            title=_("Duplicates"),
            pairs=[
                (pair, rows[pair.low_id], rows[pair.high_id])
                for pair in shown
                if {pair.low_id, pair.high_id} <= rows.keys()
            ],
            reason_labels=reason_labels,
            compared=_compared,
            state=state,
            states=STATES,
            reason=reason,
            reasons=REASONS,
            older="" if last is None else f"{last.score}-{last.low_id}-{last.high_id}",
            scan=queries.last_scan(session),
            groups=[] if after else queries.large_groups(session, actor),
            group_text=_group_text,
            contacts=screen_of(Contact),
            here=request.full_path.rstrip("?"),
        )

    def _asked(self) -> tuple[str, int, tuple[int, int, int] | None]:
        """Return state, reason and place of the list; abort with 400 if the address is wrong."""
        state = request.args.get("state", OPEN)
        reason = parse_id(request.args.get("reason") or "0")
        if state not in STATES or reason is None or (reason and reason not in REASONS):
            abort(400)
        return state, reason, read_place()

    @expose("/scan", methods=["POST"])
    @has_access
    @permission_name("edit")
    def scan(self):
        """Start a search through all contacts."""
        try:
            job = services.start_scan(db.session(), current_actor())
        except DomainError as error:
            db.session.rollback()
            flash(str(error), "warning")
            return redirect(f"{self.route_base}/")
        number = job.id
        db.session.commit()
        return redirect(f"/jobs/{number}/")

    @expose("/apart/<low_id>/<high_id>", methods=["POST"])
    @has_access
    @permission_name("edit")
    def tell_apart(self, low_id: str, high_id: str):
        """Remember that two contacts are not the same person."""
        low, high = self._contacts(low_id, high_id)
        services.tell_apart(db.session(), low, high, current_actor())
        db.session.commit()
        undo = f"{self.route_base}/reopen/{low_id}/{high_id}"
        flash({"text": _("Remembered: they are not duplicates."), "undo": undo}, "success")
        return self._back()

    @expose("/reopen/<low_id>/<high_id>", methods=["POST"])
    @has_access
    @permission_name("edit")
    def reopen(self, low_id: str, high_id: str):
        """List two contacts again that were told apart."""
        low, high = self._contacts(low_id, high_id)
        pair = db.session.get(DuplicatePair, (low.id, high.id))
        if pair is None:
            abort(404)
        services.reopen(pair)
        db.session.commit()
        return self._back()

    def _contacts(self, low_id: str, high_id: str) -> tuple[Contact, Contact]:
        """Return two contacts that the actor sees; abort with 404 if one is not."""
        low, high = parse_id(low_id), parse_id(high_id)
        if low is None or high is None or low >= high:
            abort(404)
        rows = services.visible_pair(db.session(), current_actor(), low, high)
        if len(rows) != 2:
            abort(404)
        return rows[0], rows[1]

    def _back(self):
        state = request.form.get("state", OPEN)
        reason = parse_id(request.form.get("reason") or "0") or 0
        query = f"?state={state}&reason={reason}" if state in STATES else ""
        return redirect(f"{self.route_base}/{query}")

    @expose("/alike", methods=["POST"])
    @has_access
    @permission_name("add")
    def alike(self):
        """Return the contacts that may be the one being typed; a script of the form asks."""
        typed = _read_typed()
        if not screen_of(Contact).can("can_list"):
            return ""
        with committed_and_reading():
            try:
                with time_limit(db.session):
                    found = queries.alike(db.session(), current_actor(), typed)
            except TooSlow:
                found = []
            return render_template(
                "duplicates/alike_rows.html",
                found=found,
                reason_labels=reason_labels,
                contacts=screen_of(Contact),
            )


def _read_typed() -> Any:
    """Return what was typed into a form, as far as it can be read."""
    hints = Hints(day_first=is_day_first())
    columns = inspect(Contact).column_attrs
    values: dict[str, Any] = {"id": 0}
    for name in COMPARED:
        field_type = get_field_type(columns[name].columns[0])
        try:
            values[name] = field_type.parse(request.form.get(name, "")[:300], hints)
        except DomainError:
            values[name] = None
    return SimpleNamespace(**values)


def _compared(low: Contact, high: Contact) -> list[tuple[Any, str, str, bool]]:
    """Return (label, value, value, whether they are the same) of what tells two contacts apart."""
    screen = screen_of(Contact)
    found = []
    for name in SHOWN:
        field_type = screen.datamodel.field_type(name)
        values = [getattr(row, name) for row in (low, high)]
        if any(values):
            texts = [field_type.show(value) for value in values]
            label = screen.table.get_label(name)
            found.append((label, texts[0], texts[1], texts[0] == texts[1]))
    return found


def _group_text(kind: str, contact: Contact) -> str:
    """Return what the contacts of a large group share."""
    town = contact.city or contact.postcode or ""
    surname = (contact.last_name or "").partition(" ")[0]
    return {
        "email": contact.email or "",
        "phone": contact.mobile or contact.phone or contact.secondary_phone or "",
        "name": str(contact),
        "name_town": f"{contact} · {town}",
        "surname_town": f"{contact.first_name or ''} {surname} · {town}".strip(),
    }.get(kind, str(contact))
