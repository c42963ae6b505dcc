"""The security page: findings of the checks, live sessions, security events."""

from __future__ import annotations

from time import monotonic
from typing import Any, NamedTuple

from flask import Flask, abort, current_app, flash, g, redirect, request
from flask import session as cookie
from flask_appbuilder import expose, has_access
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy.orm import Session

from app.checks import SEVERITIES, CheckMessage, run_checks
from app.crud.basepage import Page
from app.crud.interface import parse_id
from app.entities.models import Entity
from app.errors import DomainError
from app.extensions import db
from app.i18n.localized import LocalizedText
from app.log.models import ACTOR_KINDS, CHANNELS, SECURITY_EVENTS, LogEntry
from app.log.sealing import MAX_UNSEALED_COUNT, get_sealed_range
from app.log.security_events import (
    EXPORT_EVENTS,
    FAILED_LOGIN_EVENTS,
    LOGIN_EVENTS,
    REFUSAL_EVENTS,
    RIGHTS_EVENTS,
    count_security_events,
    security_events_page,
)
from app.security.actor import current_actor
from app.security.areas import Area
from app.security.roles import role_label
from app.security.scope import visible
from app.security.sessions import hash_token
from app.security.user_agents import describe_user_agent
from app.staff.checks import administrators
from app.staff.security_overview import (
    end_user_session,
    live_sessions,
    security_counts,
    user_ids_in_reach,
)

PAGE_SIZE = 50
# The findings of the checks are cached for so long.
FINDINGS_CACHE_SECONDS = 60.0
SECTIONS = {
    "failed": (_l("Failed sign-ins"), FAILED_LOGIN_EVENTS),
    "signins": (_l("Sign-ins"), LOGIN_EVENTS),
    "rights": (_l("Roles and rights"), RIGHTS_EVENTS),
    "exports": (_l("Exports"), EXPORT_EVENTS),
    "refused": (_l("Blocked actions"), REFUSAL_EVENTS),
    "sessions": (_l("Active sessions"), ()),
    "all": (_l("All activity"), ()),
}
# Labels of the details of an event; others are shown by their key.
DETAIL_LABELS = {
    "address": _l("IP address"),
    "how": _l("Method"),
    "step": _l("Step"),
    "key": _l("Key"),
    "scopes": _l("Access level"),
    "because": _l("Reason"),
    "number": _l("Sessions"),
    "roles": _l("Roles"),
    "entity": _l("Entity"),
    "permissions": _l("Permissions"),
    "needs_second_factor": _l("Two-factor authentication required"),
    "rows": _l("Rows"),
    "action": _l("Action"),
    "filter": _l("Filter"),
    "columns": _l("Columns"),
}
VALUE_LABELS: dict[Any, Any] = {
    True: _l("Yes"),
    False: _l("No"),
    "password": _l("Password"),
    "present": _l("Current password"),
    "code": _l("Password and code"),
    "recovery": _l("Recovery code"),
    "link": _l("Password link"),
    "rights": _l("rights changed"),
    "locked": _l("Access blocked"),
}


class Detail(NamedTuple):
    """A detail of an event: label, old value, new value."""

    label: Any
    old: str
    new: str


class SecurityView(Page):
    """Security → Security, for administrators alone."""

    route_base = "/security"
    default_view = "security"
    label = _l("Security")
    icon = "shield-check"
    category = "Security"
    order = 1
    area = Area.SECURITY
    for_administrators = True
    read_permissions = frozenset({"can_security"})

    @expose("/")
    @has_access
    def security(self):
        """Show the findings, the counts, and one section of events or sessions."""
        part = request.args.get("part", "failed")
        before = parse_id(request.args.get("before", "0"))
        if part not in SECTIONS or before is None:
            abort(404)
        actor, session = current_actor(), db.session()
        people = user_ids_in_reach(actor)
        facts: list[LogEntry] = []
        sessions: list[Any] = []
        if part == "sessions":
            sessions, older = live_sessions(session, actor, before=before or None, limit=PAGE_SIZE)
        else:
            facts, older = security_events_page(
                session, SECTIONS[part][1], people, before=before or None, limit=PAGE_SIZE
            )
        sees_all = people is None
        admins = administrators(session) if sees_all else []
        return self.render_template(
            "staff/security.html",
            title=_("Security"),
            findings=_findings(current_app, session) if sees_all else [],
            severities=SEVERITIES,
            counts=count_security_events(session, people),
            user_counts=security_counts(session, actor),
            administrators=admins,
            reach=get_sealed_range(session) if sees_all else None,
            without_factor=[row.name for row in admins if not row.has_factor],
            part=part,
            parts={name: label for name, (label, _events) in SECTIONS.items()},
            facts=[(fact, _subject(fact), _details(fact)) for fact in facts],
            sessions=[(row, user, describe_user_agent(row.agent)) for row, user in sessions],
            own=hash_token(_own_token()),
            older=older,
            most_unsealed=MAX_UNSEALED_COUNT,
            events=SECURITY_EVENTS,
            channels=CHANNELS,
            kinds=ACTOR_KINDS,
        )

    @expose("/check", methods=["POST"])
    @has_access
    def check(self):
        """Discard the cached findings and show new ones."""
        current_app.extensions.pop("findings", None)
        return redirect(f"{self.route_base}/")

    @expose("/end/<pk>", methods=["POST"])
    @has_access
    def end(self, pk: str):
        """End a user's session."""
        try:
            user = end_user_session(db.session(), parse_id(pk) or 0, current_actor())
            if user is None:
                abort(404)
            name = str(user)
            db.session.commit()
            flash(_("Signed %(name)s out of that session.", name=name), "success")
        except DomainError as refused:
            db.session.rollback()
            flash(str(refused), "danger")
        return redirect(f"{self.route_base}/?part=sessions")


def _own_token() -> str:
    token = cookie.get("token")
    return token if isinstance(token, str) else ""


def _findings(app: Flask, session: Session) -> list[CheckMessage]:
    """Return the findings of the checks, cached for FINDINGS_CACHE_SECONDS."""
    moment, found = app.extensions.get("findings", (None, []))
    if moment is None or monotonic() - moment > FINDINGS_CACHE_SECONDS:
        found = run_checks(app, session)
        app.extensions["findings"] = (monotonic(), found)
    return found


def _subject(fact: LogEntry) -> str:
    """Return the subject of an event; empty if it is the actor."""
    name = fact.subject_name
    if not name:
        return ""
    if fact.event in ("exported", "out_of_reach"):
        # Older events name the pages of processes as they were called then.
        return _("Processes") if name == "Jobs" else _(name)
    if fact.event == "role_changed":
        return role_label(name)
    return "" if name == fact.actor_name else name


def _details(fact: LogEntry) -> list[Detail]:
    """Return the other details of an event, with translated labels and values if known."""
    details = []
    for key, pair in (fact.changes or {}).items():
        if not isinstance(pair, list) or len(pair) != 2 or pair == [None, ""]:
            continue
        label = DETAIL_LABELS.get(key, key)
        if key == "permissions" and all(isinstance(count, int) for count in pair):
            details.append(Detail(label, "", _permissions_change(*pair)))
        else:
            details.append(Detail(label, *(_display_value(key, value) for value in pair)))
    return details


def _permissions_change(old: int, new: int) -> str:
    """Return in words how the number of permissions of a role changed."""
    if new > old:
        return ngettext("%(num)s added", "%(num)s added", new - old)
    if new < old:
        return ngettext("%(num)s removed", "%(num)s removed", old - new)
    return _("some replaced")


def _visible_entity_names() -> frozenset[str]:
    """Return the names of the entities the current user may see."""
    if "names_in_reach" not in g:
        query = visible(Entity, current_actor()).with_only_columns(Entity.name)
        g.names_in_reach = frozenset(db.session.scalars(query))
    return g.names_in_reach


def _display_value(key: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return str(LocalizedText(value))
    if key == "roles":
        return ", ".join(role_label(name) for name in str(value).split(", ") if name)
    is_scoped = current_actor().entity_ids is not None
    if key == "entity" and value and is_scoped and str(value) not in _visible_entity_names():
        return _("Hidden (no access)")
    # 1 == True as dictionary keys: only look up bools and strings.
    known = VALUE_LABELS.get(value) if isinstance(value, bool | str) else None
    return str(known or value)
