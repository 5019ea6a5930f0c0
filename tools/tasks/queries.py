"""The SQL behind the rules of tasks: whether what one names is there."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from database import ReadUnit
from users import Team, User


async def is_active_user(unit: ReadUnit, user_id: UUID) -> bool:
    """Whether there is such a user who can do something."""
    found = await unit.execute(select(User.id).where(User.id == user_id, User.is_active, User.deleted_at.is_(None)))
    return found.one_or_none() is not None


async def is_team(unit: ReadUnit, team_id: UUID) -> bool:
    """Whether there is such a team."""
    return (await unit.execute(select(Team.id).where(Team.id == team_id))).one_or_none() is not None
