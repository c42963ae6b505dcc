"""Data of the security page: live sessions, and users with a second factor."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.log.services import record_security_event
from app.security.actor import Actor
from app.security.models import SignInSession
from app.security.privileges import may_manage
from app.security.scope import scope_condition, visible
from app.security.sessions import live_conditions
from app.staff.models import StaffUser
from app.types import now


def user_ids_in_reach(actor: Actor) -> Select | None:
    """Select the ids of the users visible to an actor; None means all of them."""
    if actor.entity_ids is None:
        return None
    return (
        select(StaffUser.id)
        .where(scope_condition(StaffUser, actor))
        .execution_options(with_trash=True)
    )


@dataclass(frozen=True)
class SecurityCounts:
    """Counts shown on the security page."""

    sessions: int
    users_with_session: int
    users: int
    users_with_factor: int


def security_counts(session: Session, actor: Actor) -> SecurityCounts:
    """Count live sessions and users, as far as the actor sees them, in one statement."""
    mine = select(StaffUser.id).where(scope_condition(StaffUser, actor), StaffUser.may_log_in())
    is_live = (*live_conditions(SignInSession), SignInSession.user_id.in_(mine))
    row = session.execute(
        select(
            select(func.count(SignInSession.id)).where(*is_live).scalar_subquery(),
            select(func.count(func.distinct(SignInSession.user_id)))
            .where(*is_live)
            .scalar_subquery(),
            select(func.count()).select_from(mine.subquery()).scalar_subquery(),
            select(func.count())
            .select_from(mine.where(StaffUser.totp_secret.is_not(None)).subquery())
            .scalar_subquery(),
        )
    ).one()
    return SecurityCounts(*row)


def live_sessions(
    session: Session, actor: Actor, *, before: int | None = None, limit: int = 50
) -> tuple[list[tuple[SignInSession, StaffUser]], int | None]:
    """Return a page of visible live sessions, newest first, and the id to continue below."""
    query = (
        select(SignInSession, StaffUser)
        .join(StaffUser, StaffUser.id == SignInSession.user_id)
        .where(*live_conditions(SignInSession), scope_condition(StaffUser, actor))
    )
    if before is not None:
        query = query.where(SignInSession.id < before)
    rows = [
        (row[0], row[1])
        for row in session.execute(query.order_by(SignInSession.id.desc()).limit(limit + 1))
    ]
    return rows[:limit], rows[limit - 1][0].id if len(rows) > limit else None


def end_user_session(session: Session, session_id: int, actor: Actor) -> StaffUser | None:
    """End a live session of a user the actor may manage; return the user, None if not found."""
    row = session.scalar(
        select(SignInSession).where(
            SignInSession.id == session_id, *live_conditions(SignInSession)
        )
    )
    user = row and session.scalar(visible(StaffUser, actor).where(StaffUser.id == row.user_id))
    if row is None or user is None:
        return None
    if user.id != actor.id and not may_manage(actor, user):
        raise DomainError(_("This person has rights that you don’t have."))
    row.ended_at, row.ended_because = now(), "ended"
    record_security_event(
        session, "sessions_ended", actor, about=user.id, name=str(user), number=1
    )
    return user
