"""The Outbox page: mails by state; without a mail server also their content."""

from __future__ import annotations

import re
from email import message_from_string, policy
from typing import Any

from flask import Response, abort, current_app, flash, redirect, request, url_for
from flask_appbuilder import expose, has_access
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup

from app.crud.basepage import Page
from app.crud.interface import parse_id
from app.errors import DomainError
from app.extensions import db
from app.mails.models import STATES, Mail
from app.mails.queries import SHOWN_STATES, count_by_state, find_mail, mails_page
from app.mails.services import retry_mail
from app.mails.transport import is_development
from app.security.actor import current_actor
from app.security.areas import Area

PAGE_SIZE = 50
# The tabs of the list and the states each shows.
PARTS = {
    "all": (_l("All"), SHOWN_STATES),
    "waiting": (_l("Waiting"), ("queued", "sending")),
    "failed": (_l("Failed"), ("failed",)),
}
# The HTML of a mail may use inline styles and nothing else, as in mail programs.
HTML_CSP = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"

_URL = re.compile(r"https?://[^\s<>\"]+")


class OutboxView(Page):
    """Communication → Outbox; for administrators only: mails contain login links."""

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
        before = parse_id(request.args.get("before", "0"))
        if part not in PARTS or before is None:
            abort(404)
        counts = count_by_state(db.session(), current_actor())
        mails, older = mails_page(
            db.session(), current_actor(), PARTS[part][1], before or None, PAGE_SIZE
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
        """Show one mail, with its content only where no mail server is set."""
        mail = self._mail(pk)
        text, html = _contents(mail)
        return self.render_template(
            "mails/mail.html",
            title=mail.subject or _("E-mail"),
            mail=mail,
            text=text,
            has_html=html is not None,
            states=STATES,
            is_development=is_development(current_app),
        )

    @expose("/html/<pk>")
    @has_access
    def html(self, pk: str):
        """Return the HTML part of a mail, for the iframe of its page."""
        html = _contents(self._mail(pk))[1]
        if html is None:
            abort(404)
        headers = {"Content-Security-Policy": HTML_CSP, "X-Frame-Options": "SAMEORIGIN"}
        return Response(html, headers=headers, mimetype="text/html")

    @expose("/again/<pk>", methods=["POST"])
    @has_access
    def again(self, pk: str):
        """Queue a failed mail again."""
        mail = self._mail(pk)
        try:
            retry_mail(db.session(), mail)
            db.session.commit()
            flash(_("The message will be sent again."), "success")
        except DomainError as error:
            db.session.rollback()
            flash(str(error), "danger")
        return redirect(url_for("OutboxView.show", pk=pk))

    def _mail(self, pk: str) -> Mail:
        number = parse_id(pk)
        mail = None if number is None else find_mail(db.session(), current_actor(), number)
        if mail is None:
            abort(404)
        return mail


def _contents(mail: Mail) -> tuple[Any, str | None]:
    """Return the text of a mail, with its URLs as links, and its HTML."""
    if mail.content is None or not is_development(current_app):
        return None, None
    message = message_from_string(mail.content, policy=policy.default)
    plain, rich = message.get_body(("plain",)), message.get_body(("html",))
    text = None if plain is None else _link_urls(plain.get_content())
    return text, None if rich is None else rich.get_content()


def _link_urls(text: str) -> Markup:
    pieces, end = [], 0
    for match in _URL.finditer(text):
        pieces.append(Markup("{}").format(text[end : match.start()]))
        pieces.append(Markup('<a href="{0}">{0}</a>').format(match[0]))
        end = match.end()
    return Markup("").join([*pieces, Markup("{}").format(text[end:])])
