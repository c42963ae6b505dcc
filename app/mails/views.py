"""The Outbox: what was sent, what waits, what failed; without a mail server, the mails themselves."""

from __future__ import annotations

import re
from email import message_from_string, policy
from typing import Any

from flask import Response, abort, current_app, flash, redirect, request, url_for
from flask_appbuilder import expose, has_access
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup

from app.crud.interface import as_id
from app.crud.page import Page
from app.errors import DomainError
from app.extensions import db
from app.mails.models import STATES, Mail
from app.mails.queries import SHOWN, how_many, mail_of, mails_page
from app.mails.services import try_again
from app.mails.transport import is_development
from app.security.actor import current_actor
from app.security.areas import Area

SIZE = 50
# The parts of the list, and the states each shows.
PARTS = {
    "all": (_l("All"), SHOWN),
    "waiting": (_l("Waiting"), ("queued", "sending")),
    "failed": (_l("Failed"), ("failed",)),
}
# The HTML part of a mail is shown as mail programs show it: it may style itself and nothing else.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"

_LINK = re.compile(r"https?://[^\s<>\"]+")


class OutboxView(Page):
    """Communication → Outbox. For administrators alone: links in mails open doors."""

    route_base = "/outbox"
    default_view = "outbox"
    label = _l("Outbox")
    icon = "send"
    category = "Communication"
    order = 90
    area = Area.COMMUNICATION
    for_administrators = True
    read_permissions = frozenset({"can_outbox"})

    @expose("/")
    @has_access
    def outbox(self):
        """List the mails, newest first."""
        part = request.args.get("part", "all")
        before = as_id(request.args.get("before", "0"))
        if part not in PARTS or before is None:
            abort(404)
        counts = how_many(db.session(), current_actor())
        mails, older = mails_page(
            db.session(), current_actor(), PARTS[part][1], before or None, SIZE
        )
        return self.render_template(
            "mails/outbox.html",
            title=_("Outbox"),
            mails=mails,
            older=older,
            part=part,
            parts={
                name: (label, sum(counts.get(state, 0) for state in states))
                for name, (label, states) in PARTS.items()
            },
            states=STATES,
            is_development=is_development(current_app),
        )

    @expose("/show/<pk>")
    @has_access
    def show(self, pk: str):
        """Show one mail; what it says, only where nothing is sent."""
        mail = self._mail(pk)
        text, html = _contents(mail)
        return self.render_template(
            "mails/mail.html",
            title=mail.subject or _("Mail"),
            mail=mail,
            text=text,
            has_html=html is not None,
            states=STATES,
            is_development=is_development(current_app),
        )

    @expose("/html/<pk>")
    @has_access
    def html(self, pk: str):
        """Give the HTML part of a mail, for the frame that shows it."""
        html = _contents(self._mail(pk))[1]
        if html is None:
            abort(404)
        headers = {"Content-Security-Policy": POLICY, "X-Frame-Options": "SAMEORIGIN"}
        return Response(html, headers=headers, mimetype="text/html")

    @expose("/again/<pk>", methods=["POST"])
    @has_access
    def again(self, pk: str):
        """Try again to send a mail that failed."""
        mail = self._mail(pk)
        try:
            try_again(db.session(), mail)
            db.session.commit()
            flash(_("The mail is on its way again."), "success")
        except DomainError as error:
            db.session.rollback()
            flash(str(error), "danger")
        return redirect(url_for("OutboxView.show", pk=pk))

    def _mail(self, pk: str) -> Mail:
        number = as_id(pk)
        mail = None if number is None else mail_of(db.session(), current_actor(), number)
        if mail is None:
            abort(404)
        return mail


def _contents(mail: Mail) -> tuple[Any, str | None]:
    """Return the text of a mail, its links made to be followed, and its HTML."""
    if mail.content is None or not is_development(current_app):
        return None, None
    message = message_from_string(mail.content, policy=policy.default)
    plain, rich = message.get_body(("plain",)), message.get_body(("html",))
    text = None if plain is None else _linked(plain.get_content())
    return text, None if rich is None else rich.get_content()


def _linked(text: str) -> Markup:
    pieces, end = [], 0
    for found in _LINK.finditer(text):
        pieces.append(Markup("{}").format(text[end : found.start()]))
        pieces.append(Markup('<a href="{0}">{0}</a>').format(found[0]))
        end = found.end()
    return Markup("").join([*pieces, Markup("{}").format(text[end:])])
