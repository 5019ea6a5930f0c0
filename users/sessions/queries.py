"""The SQL of sessions as people see them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select, update

from common.paging import ListQuery, Order, Slice, contains, created_within, fetch_slice
from database import ReadUnit, WriteUnit
from users.auth.lifetimes import Lifetimes
from users.auth.queries import lives
from users.models import UserSession

_sessions: Any = UserSession.__table__

ORDER: Final = Order(
    fields={"created_at": _sessions.c.created_at, "last_used_at": _sessions.c.last_used_at},
    identity=_sessions.c.id,
)


async def find_session(unit: ReadUnit, session_id: UUID) -> Row[Any] | None:
    """A session as its owner sees it."""
    found = await unit.execute(
        select(
            UserSession.id,
            UserSession.created_at,
            UserSession.last_used_at,
            UserSession.expires_at,
            UserSession.ip_address,
            UserSession.user_agent,
        ).where(UserSession.id == session_id)
    )
    return found.one_or_none()


async def list_sessions(unit: ReadUnit, user_id: UUID, query: ListQuery, moment: datetime, limits: Lifetimes) -> Slice:
    """A page of a user's living sessions."""
    statement = select(
        UserSession.id,
        UserSession.created_at,
        UserSession.last_used_at,
        UserSession.expires_at,
        UserSession.ip_address,
        UserSession.user_agent,
    ).where(
        UserSession.user_id == user_id,
        lives(moment, limits),
        created_within(_sessions.c.created_at, query),
    )
    if query.q:
        statement = statement.where(contains(query.q, _sessions.c.user_agent, _sessions.c.ip_address))
    return await fetch_slice(unit, statement, ORDER, query)


async def end_everybodys_sessions(unit: WriteUnit, moment: datetime, reason: str) -> int:
    """End all sessions of a tenant; answers how many."""
    statement = update(UserSession).where(UserSession.revoked_at.is_(None))
    ended = await unit.execute(statement.values(revoked_at=moment, revoked_reason=reason))
    return ended.rowcount
