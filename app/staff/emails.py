"""The mails that have to do with signing in: welcome, forgotten password, something changed."""

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

from app.i18n.formats import show_datetime
from app.i18n.languages import LANGUAGES
from app.log.services import record_security_event
from app.mails.kinds import EmailContent, EmailKind
from app.mails.models import Mail
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
    """What a mail says: a subject, sentences, a button that leads somewhere, more sentences."""

    subject: str
    before: Iterable[str]
    button: str = ""
    url: str = ""
    after: Iterable[str] = ()


class UserEmail(EmailKind, abstract=True):
    """A mail to somebody who signs in, in their language."""

    repeats = True

    def compose(self, session: Session, mail: Mail) -> EmailContent | None:
        """Write it, unless they can no longer sign in or have no address."""
        user = self.reader(session, mail)
        address = None if user is None else self.address(user, mail)
        if user is None or not address:
            return None
        asked_in = (mail.data or {}).get("language")
        usual = current_app.config["BABEL_DEFAULT_LOCALE"]
        known = (it for it in (user.language, asked_in) if it in LANGUAGES)
        with force_locale(next(known, usual)):
            return _render(user, address, self.draft(session, mail, user))

    def reader(self, session: Session, mail: Mail) -> StaffUser | None:
        """Return who it is for."""
        user = session.get(StaffUser, mail.user_id) if mail.user_id else None
        return user if user is not None and user.is_active else None

    def address(self, user: StaffUser, mail: Mail) -> str:
        """Return where it goes."""
        return user.email or ""

    def draft(self, session: Session, mail: Mail, user: StaffUser) -> EmailBody:
        """Return what it says."""
        raise NotImplementedError


class WelcomeEmail(UserEmail):
    """To somebody new: their user name, and a link to choose a password."""

    name = "welcome"

    def draft(self, session: Session, mail: Mail, user: StaffUser) -> EmailBody:
        """Return what it says."""
        return EmailBody(
            subject=_("Your access to %(organisation)s", organisation=_organisation_name()),
            before=[
                _(
                    "You can now work in the back-office of %(organisation)s.",
                    organisation=_organisation_name(),
                ),
                _("Your user name: %(name)s", name=user.username),
                _("There is one thing left to do:"),
            ],
            button=_("Choose your password"),
            url=_public_url(create_link_path(session, user, SENT_LINK_MINUTES)),
            after=[
                _("This link works once, for three days."),
                _(
                    "If it no longer works, ask for another with “Forgotten your password?” at %(url)s",
                    url=_public_url("/login/"),
                ),
            ],
        )


class PasswordResetEmail(UserEmail):
    """To somebody who said, at the door, that they forgot their password."""

    name = "reset"
    keeps = timedelta(hours=2)

    def reader(self, session: Session, mail: Mail) -> StaffUser | None:
        """Look up who was meant, and forget what was typed."""
        if mail.user_id is None and mail.data:
            user = find_user(session, str(mail.data.get("typed", "")))
            mail.user_id = None if user is None else user.id
            mail.data = {"language": mail.data.get("language")}
        return super().reader(session, mail)

    def draft(self, session: Session, mail: Mail, user: StaffUser) -> EmailBody:
        """Return what it says."""
        record_security_event(
            session, "password_link_sent", SYSTEM, about=user.id, name=str(user), to=user.email
        )
        return EmailBody(
            subject=_("Choose a new password"),
            before=[
                _(
                    "Somebody, most likely you, asked for a new password for the user %(name)s "
                    "at %(organisation)s.",
                    name=user.username,
                    organisation=_organisation_name(),
                )
            ],
            button=_("Choose a new password"),
            url=_public_url(create_link_path(session, user, REQUESTED_LINK_MINUTES)),
            after=[
                _(
                    "This link works once, for %(minutes)s minutes.",
                    minutes=REQUESTED_LINK_MINUTES,
                ),
                _("Was it not you? Then do nothing: your password stays as it is."),
            ],
        )


class PasswordLinkEmail(UserEmail):
    """To somebody whom a colleague makes choose a new password."""

    name = "link"

    def draft(self, session: Session, mail: Mail, user: StaffUser) -> EmailBody:
        """Return what it says."""
        keys = (mail.data or {}).get("keys", 0)
        return EmailBody(
            subject=_("Choose a new password"),
            before=[
                _(
                    "An administrator of %(organisation)s asks you to choose a new password for "
                    "the user %(name)s. The old one no longer works.",
                    name=user.username,
                    organisation=_organisation_name(),
                ),
                *([_ended_keys_sentence(keys)] if keys else []),
            ],
            button=_("Choose a new password"),
            url=_public_url(create_link_path(session, user, SENT_LINK_MINUTES)),
            after=[
                _("This link works once, for three days."),
                _(
                    "If it no longer works, ask for another with “Forgotten your password?” at %(url)s",
                    url=_public_url("/login/"),
                ),
            ],
        )


_CHOOSE = _l("Was it not you? Then choose a new password at once, and tell an administrator.")
_CHOOSE_AND_END_KEYS = _l(
    "Was it not you? Then choose a new password at once, let your API keys end with it, and tell "
    "an administrator."
)
# What somebody is told has changed on their account: subject, sentence, and what to do if it was
# not they.
NOTICES = {
    "password_changed": (
        _l("Your password was changed"),
        _l("The password of the user %(name)s was changed on %(moment)s."),
        _CHOOSE,
    ),
    "email_changed": (
        _l("Your e-mail address was changed"),
        _l(
            "The e-mail address of the user %(name)s was changed on %(moment)s. Mails no longer "
            "come here."
        ),
        _l("Was it not you? Then tell an administrator at once."),
    ),
    "second_factor_on": (
        _l("Two-factor sign-in is on"),
        _l("Two-factor sign-in was turned on for the user %(name)s on %(moment)s."),
        _CHOOSE,
    ),
    "second_factor_off": (
        _l("Two-factor sign-in is off"),
        _l("Two-factor sign-in was turned off for the user %(name)s on %(moment)s."),
        _CHOOSE,
    ),
    "recovery_code_used": (
        _l("A recovery code was used"),
        _l("Somebody signed in as %(name)s with a recovery code on %(moment)s."),
        _CHOOSE,
    ),
    "recovery_codes_made": (
        _l("You have new recovery codes"),
        _l(
            "New recovery codes were made for the user %(name)s on %(moment)s. The ones before no "
            "longer work."
        ),
        _CHOOSE,
    ),
    "api_key_made": (
        _l("An API key was made"),
        _l(
            "The API key “%(key)s” was made for the user %(name)s on %(moment)s. Whoever has it "
            "works in their name."
        ),
        _CHOOSE_AND_END_KEYS,
    ),
}


class AccountNotice(UserEmail):
    """To somebody on whose account something changed that they should know of.

    ``data["what"]`` is a key of ``NOTICES``; ``to`` an address other than the present one, ``by``
    who did it if it was a colleague, ``keys`` how many API keys ended, ``key`` how one is called.
    """

    name = "notice"

    def address(self, user: StaffUser, mail: Mail) -> str:
        """Return where it goes: a change of address is told to the old one."""
        return str((mail.data or {}).get("to") or user.email or "")

    def draft(self, session: Session, mail: Mail, user: StaffUser) -> EmailBody:
        """Return what it says."""
        data = mail.data or {}
        subject, sentence, advice = NOTICES[data["what"]]
        said = {
            "name": user.username,
            "moment": show_datetime(mail.created_at),
            "key": data.get("key", ""),
        }
        before = [str(sentence) % said]
        if data.get("by"):
            before.append(_("%(who)s did this, as an administrator.", who=data["by"]))
        else:
            before.append(_("Was it you? Then all is well."))
        if data.get("keys"):
            before.insert(1, _ended_keys_sentence(data["keys"]))
        before.append(str(advice))
        if "to" in data:
            # A link to a new password would go to the new address.
            return EmailBody(subject=str(subject), before=before)
        return EmailBody(
            subject=str(subject),
            before=before,
            button=_("Choose a new password"),
            url=_public_url("/login/forgotten"),
        )


def _ended_keys_sentence(number: int) -> str:
    return ngettext(
        "%(num)s API key has ended with it.", "%(num)s API keys have ended with it.", number
    )


def _render(user: StaffUser, address: str, draft: EmailBody) -> EmailContent:
    values: dict[str, Any] = {
        "draft": draft,
        "name": user.first_name,
        "organisation": _organisation_name(),
        "home": current_app.config["PUBLIC_URL"],
        "language": str(get_locale()),
    }
    # Not through Flask: there is no request here, and its context processors want one.
    environment = current_app.jinja_env
    return EmailContent(
        to_address=address,
        to_name=str(user),
        subject=draft.subject,
        text=environment.get_template("mails/letter.txt").render(values),
        html=environment.get_template("mails/letter.html").render(values),
    )


def _organisation_name() -> str:
    return current_app.config["ORGANISATION"]


def _public_url(path: str) -> str:
    """Return an address as people outside of the house reach it, whatever a request said."""
    return current_app.config["PUBLIC_URL"] + path
