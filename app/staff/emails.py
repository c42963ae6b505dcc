"""Kinds of e-mail to users: welcome, password reset, notices of changed accounts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import current_app
from flask_babel import force_locale, get_locale, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from app import organisation
from app.i18n.formats import show_datetime
from app.i18n.languages import LANGUAGES
from app.log.services import record_security_event
from app.outbox.kinds import EmailContent, EmailKind
from app.outbox.models import Message, Priority
from app.security.actor import SYSTEM
from app.staff.models import StaffUser
from app.staff.password_links import (
    REQUESTED_LINK_MINUTES,
    SENT_LINK_MINUTES,
    create_link_path,
    find_user,
)


@dataclass(frozen=True, kw_only=True)
class EmailBody:
    """The text of an e-mail: subject, paragraphs, a button with a link, more paragraphs."""

    subject: str
    before: Iterable[str]
    button: str = ""
    url: str = ""
    after: Iterable[str] = ()


class UserEmail(EmailKind, abstract=True):
    """An e-mail to a user, in their language."""

    is_repeatable = True

    def compose(self, session: Session, mail: Message) -> EmailContent | None:
        """Render the e-mail; return None if the user may not log in or has no address."""
        user = self.recipient(session, mail)
        address = None if user is None else self.address(user, mail)
        if user is None or not address:
            return None
        requested = (mail.data or {}).get("language")
        default = organisation.language()
        known = (it for it in (user.language, requested) if it in LANGUAGES)
        with force_locale(next(known, default)):
            return _render(user, address, self.body(session, mail, user))

    def recipient(self, session: Session, mail: Message) -> StaffUser | None:
        """Return the user it is sent to, if they may log in."""
        user = mail.recipient_row(session)
        return user if isinstance(user, StaffUser) and user.is_active else None

    def address(self, user: StaffUser, mail: Message) -> str:
        """Return the address it is sent to."""
        return user.email or ""

    def body(self, session: Session, mail: Message, user: StaffUser) -> EmailBody:
        """Return the text, in the current language."""
        raise NotImplementedError


class WelcomeEmail(UserEmail):
    """Welcome a new user, with a link to choose a password."""

    name = "welcome"
    priority = Priority.URGENT

    def body(self, session: Session, mail: Message, user: StaffUser) -> EmailBody:
        """Return the text, in the current language."""
        return EmailBody(
            subject=_("Your access to %(organisation)s", organisation=_organisation_name()),
            before=[
                _(
                    "You now have access to the back-office of %(organisation)s.",
                    organisation=_organisation_name(),
                ),
                _("Your username: %(name)s", name=user.username),
                _("One last step:"),
            ],
            button=_("Choose your password"),
            url=_public_url(create_link_path(session, user, SENT_LINK_MINUTES)),
            after=[
                _("This link works once and expires in three days."),
                _(
                    "If it no longer works, request another with “Forgotten your password?” at %(url)s",
                    url=_public_url("/login/"),
                ),
            ],
        )


class PasswordResetEmail(UserEmail):
    """Send a link to choose a new password, requested on the login page."""

    name = "reset"
    priority = Priority.URGENT
    max_age = timedelta(hours=2)

    def recipient(self, session: Session, mail: Message) -> StaffUser | None:
        """Look up the user by what was typed, and delete the typed text from the row."""
        if mail.recipient_id is None and mail.data:
            if (user := find_user(session, str(mail.data.get("typed", "")))) is not None:
                mail.set_recipient(user)
            mail.data = {"language": mail.data.get("language")}
        return super().recipient(session, mail)

    def body(self, session: Session, mail: Message, user: StaffUser) -> EmailBody:
        """Return the text, in the current language."""
        record_security_event(
            session, "password_link_sent", SYSTEM, about=user.id, name=str(user), to=user.email
        )
        return EmailBody(
            subject=_("Choose a new password"),
            before=[
                _(
                    "We received a request to reset the password of the user %(name)s at %(organisation)s.",
                    name=user.username,
                    organisation=_organisation_name(),
                )
            ],
            button=_("Choose a new password"),
            url=_public_url(create_link_path(session, user, REQUESTED_LINK_MINUTES)),
            after=[
                _(
                    "This link works once and expires in %(minutes)s minutes.",
                    minutes=REQUESTED_LINK_MINUTES,
                ),
                _("If this wasn’t you, ignore this e-mail. Your password won’t change."),
            ],
        )


class PasswordLinkEmail(UserEmail):
    """Send a link to choose a new password, on behalf of an administrator."""

    name = "link"
    priority = Priority.URGENT

    def body(self, session: Session, mail: Message, user: StaffUser) -> EmailBody:
        """Return the text, in the current language."""
        keys = (mail.data or {}).get("keys", 0)
        return EmailBody(
            subject=_("Choose a new password"),
            before=[
                _(
                    "An administrator of %(organisation)s has asked you to choose a new password for the user %(name)s. The old one no longer works.",
                    name=user.username,
                    organisation=_organisation_name(),
                ),
                *([_ended_keys_sentence(keys)] if keys else []),
            ],
            button=_("Choose a new password"),
            url=_public_url(create_link_path(session, user, SENT_LINK_MINUTES)),
            after=[
                _("This link works once and expires in three days."),
                _(
                    "If it no longer works, request another with “Forgotten your password?” at %(url)s",
                    url=_public_url("/login/"),
                ),
            ],
        )


_CHOOSE = _l("If this wasn’t you, choose a new password now and tell your administrator.")
_CHOOSE_AND_END_KEYS = _l(
    "If this wasn’t you, choose a new password now, revoke your API keys and tell your administrator."
)
# Notices by name: subject, sentence, and advice if the user did not make the change.
NOTICES = {
    "password_changed": (
        _l("Your password was changed"),
        _l("The password of the user %(name)s was changed on %(moment)s."),
        _CHOOSE,
    ),
    "email_changed": (
        _l("Your e-mail address was changed"),
        _l(
            "The e-mail address of the user %(name)s was changed on %(moment)s. E-mails will no longer be sent to this address."
        ),
        _l("If this wasn’t you, tell your administrator now."),
    ),
    "second_factor_on": (
        _l("Two-factor authentication is on"),
        _l("Two-factor authentication was turned on for the user %(name)s on %(moment)s."),
        _CHOOSE,
    ),
    "second_factor_off": (
        _l("Two-factor authentication is off"),
        _l("Two-factor authentication was turned off for the user %(name)s on %(moment)s."),
        _CHOOSE,
    ),
    "recovery_code_used": (
        _l("A recovery code was used"),
        _l("Someone signed in as %(name)s with a recovery code on %(moment)s."),
        _CHOOSE,
    ),
    "recovery_codes_made": (
        _l("You have new recovery codes"),
        _l(
            "New recovery codes for the user %(name)s were created on %(moment)s. The previous codes no longer work."
        ),
        _CHOOSE,
    ),
    "api_key_made": (
        _l("New API key created"),
        _l(
            "The API key “%(key)s” was created for the user %(name)s on %(moment)s. Anyone who has it can act on their behalf."
        ),
        _CHOOSE_AND_END_KEYS,
    ),
}


class AccountNotice(UserEmail):
    """Notify a user of a security-relevant change of their account.

    ``data["what"]`` is a key of ``NOTICES``; ``to`` an address other than the current one, ``by``
    the name of the administrator who did it, ``keys`` the number of revoked API keys, ``key`` the
    name of a new one.
    """

    name = "notice"

    def address(self, user: StaffUser, mail: Message) -> str:
        """Return the address: the old one if the address itself was changed."""
        return str((mail.data or {}).get("to") or user.email or "")

    def body(self, session: Session, mail: Message, user: StaffUser) -> EmailBody:
        """Return the text, in the current language."""
        data = mail.data or {}
        subject, sentence, advice = NOTICES[data["what"]]
        values = {
            "name": user.username,
            "moment": show_datetime(mail.created_at),
            "key": data.get("key", ""),
        }
        before = [str(sentence) % values]
        if data.get("by"):
            before.append(_("%(who)s made this change as an administrator.", who=data["by"]))
        else:
            before.append(_("If this was you, you don’t need to do anything."))
        if data.get("keys"):
            before.insert(1, _ended_keys_sentence(data["keys"]))
        before.append(str(advice))
        if "to" in data:
            # Without the button: the link to a new password would go to the new address.
            return EmailBody(subject=str(subject), before=before)
        return EmailBody(
            subject=str(subject),
            before=before,
            button=_("Choose a new password"),
            url=_public_url("/login/forgotten"),
        )


def _ended_keys_sentence(number: int) -> str:
    return ngettext(
        "%(num)s API key was also revoked.", "%(num)s API keys were also revoked.", number
    )


def _render(user: StaffUser, address: str, body: EmailBody) -> EmailContent:
    values: dict[str, Any] = {
        "body": body,
        "name": user.first_name,
        "organisation": _organisation_name(),
        "home": current_app.config["PUBLIC_URL"],
        "language": str(get_locale()),
    }
    # Not with render_template: its context processors need a request.
    environment = current_app.jinja_env
    return EmailContent(
        to_address=address,
        to_name=str(user),
        subject=body.subject,
        text=environment.get_template("outbox/email.txt").render(values),
        html=environment.get_template("outbox/email.html").render(values),
    )


def _organisation_name() -> str:
    return organisation.name()


def _public_url(path: str) -> str:
    """Return the public URL of a path; never taken from a request's Host header."""
    return current_app.config["PUBLIC_URL"] + path
