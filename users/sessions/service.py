"""The rules of seeing and ending sessions."""

from __future__ import annotations

from uuid import UUID

from common.audit import Change, Target
from common.clock import now
from common.errors import NotFound
from common.paging import ListQuery
from common.registry import Effective
from database import ReadUnit, WriteUnit
from shared_auth import Principal
from shared_models import Page
from users.accounts.service import get_user
from users.auth.lifetimes import Lifetimes
from users.auth.principals import forget_rights
from users.auth.queries import end_sessions
from users.auth.schemas import Session
from users.models import PRINCIPALS
from users.rights.rules import check_rank, lock_user
from users.sessions import queries


async def list_sessions(
    unit: ReadUnit, actor: Principal, user_id: UUID, query: ListQuery, settings: Effective
) -> Page[Session]:
    """A page of a user's living sessions; ``current`` is the one that asks."""
    found = await queries.list_sessions(unit, user_id, query, now(), Lifetimes.of(settings))
    sessions = [Session(**row._mapping, current=row.id == actor.session_id) for row in found.rows]
    return Page(items=sessions, next_cursor=found.next_cursor, total=found.total)


async def list_sessions_of(
    unit: ReadUnit, actor: Principal, user_id: UUID, query: ListQuery, settings: Effective
) -> Page[Session]:
    """The same of somebody. Raises NotFound."""
    page = await list_sessions(unit, actor, user_id, query, settings)
    if not page.items:
        await get_user(unit, user_id)
    return page


async def end_own_session(unit: WriteUnit, actor: Principal, session_id: UUID) -> None:
    """End one of the actor's living sessions. Raises NotFound."""
    if not await end_sessions(unit, actor.user_id, now(), only=session_id, reason="ended_by_user"):
        raise NotFound("There is no such session.")
    unit.audit("auth.session.ended", target=Target("session", str(session_id)))
    unit.invalidate(PRINCIPALS, str(session_id))


async def end_sessions_of(unit: WriteUnit, actor: Principal, user_id: UUID) -> None:
    """End all sessions of a user who does not outrank the actor. Raises NotFound or PermissionDenied."""
    user = await lock_user(unit, user_id)
    await check_rank(unit, actor, user_id)
    ended = await end_sessions(unit, user_id, now(), reason="ended_by_administrator")
    changes = [Change("sessions", len(ended), 0)]
    unit.audit("users.sessions.ended", target=Target("user", str(user_id), user.username), changes=changes)
    for session_id in ended:
        unit.invalidate(PRINCIPALS, str(session_id))


async def end_everybodys(unit: WriteUnit, tenant_id: str) -> int:
    """End the sessions of all users of the tenant; answers how many."""
    ended = await queries.end_everybodys_sessions(unit, now(), "ended_by_operator")
    unit.audit("users.sessions.ended", target=Target("tenant", tenant_id), changes=[Change("sessions", ended, 0)])
    forget_rights(unit)
    return ended
