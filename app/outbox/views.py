"""The Outbox page: messages by state; without a server also their content."""

from __future__ import annotations

import re
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
from app.outbox.kinds import get_channel
from app.outbox.models import STATES, Message
from app.outbox.queries import SHOWN_STATES, count_by_state, find_message, messages_page
from app.outbox.services import retry_message
from app.outbox.transport import is_development
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
    """Communication → Outbox; for administrators only: messages contain login links."""

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
        """List the messages, newest first."""
        part = request.args.get("part", "all")
        before = parse_id(request.args.get("before", "0"))
        if part not in PARTS or before is None:
            abort(404)
        counts = count_by_state(db.session(), current_actor())
        messages, older = messages_page(
            db.session(), current_actor(), PARTS[part][1], before or None, PAGE_SIZE
        )
        return self.render_template(
            "outbox/outbox.html",
            title=_("Outbox"),
            messages=messages,
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
        """Show one message, with its content only where nothing is sent."""
        message = self._message(pk)
        text, html = _contents(message)
        return self.render_template(
            "outbox/message.html",
            title=message.subject or _("E-mail"),
            message=message,
            text=text,
            has_html=html is not None,
            states=STATES,
            is_development=is_development(current_app),
        )

    @expose("/html/<pk>")
    @has_access
    def html(self, pk: str):
        """Return the HTML part of a mail, for the iframe of its page."""
        html = _contents(self._message(pk))[1]
        if html is None:
            abort(404)
        headers = {"Content-Security-Policy": HTML_CSP, "X-Frame-Options": "SAMEORIGIN"}
        return Response(html, headers=headers, mimetype="text/html")

    @expose("/again/<pk>", methods=["POST"])
    @has_access
    def again(self, pk: str):
        """Queue a failed message again."""
        message = self._message(pk)
        try:
            retry_message(db.session(), message)
            db.session.commit()
            flash(_("The message will be sent again."), "success")
        except DomainError as error:
            db.session.rollback()
            flash(str(error), "danger")
        return redirect(url_for("OutboxView.show", pk=pk))

    def _message(self, pk: str) -> Message:
        number = parse_id(pk)
        message = None if number is None else find_message(db.session(), current_actor(), number)
        if message is None:
            abort(404)
        return message


def _contents(message: Message) -> tuple[Any, str | None]:
    """Return the text of a stored message, with its URLs as links, and its HTML."""
    channel = get_channel(message.channel)
    if message.content is None or channel is None:
        return None, None
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    if channel.is_configured(app):
        return None, None
    text, html = channel.read_text(message.content)
    return None if text is None else _link_urls(text), html


def _link_urls(text: str) -> Markup:
    pieces, end = [], 0
    for match in _URL.finditer(text):
        pieces.append(Markup("{}").format(text[end : match.start()]))
        pieces.append(Markup('<a href="{0}">{0}</a>').format(match[0]))
        end = match.end()
    return Markup("").join([*pieces, Markup("{}").format(text[end:])])
