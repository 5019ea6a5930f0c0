"""The SQL of imports and exports."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, literal, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.ext.asyncio import AsyncResult

from database import ReadUnit, WriteUnit
from users.models import Role, Team, TeamMember, User, UserRole

BATCH = 500  # rows held in memory while exporting


async def list_taken(unit: ReadUnit, emails: Collection[str], usernames: Collection[str]) -> tuple[set[str], set[str]]:
    """Which of these addresses and user names, in their normalized forms, living users have."""
    living = User.deleted_at.is_(None)
    by_email = await unit.execute(select(User.email_normalized).where(User.email_normalized.in_(emails), living))
    by_name = await unit.execute(
        select(User.username_normalized).where(User.username_normalized.in_(usernames), living)
    )
    return set(by_email.scalars()), set(by_name.scalars())


async def find_role_ids(unit: ReadUnit, names: Collection[str]) -> dict[str, UUID]:
    """The roles of these names, which are in lower case."""
    found = await unit.execute(
        select(func.lower(Role.name).label("name"), Role.id).where(func.lower(Role.name).in_(names))
    )
    return {row.name: row.id for row in found}


async def find_team_ids(unit: ReadUnit, names: Collection[str]) -> dict[str, UUID]:
    """The teams of these names, which are in lower case."""
    found = await unit.execute(
        select(func.lower(Team.name).label("name"), Team.id).where(func.lower(Team.name).in_(names))
    )
    return {row.name: row.id for row in found}


async def insert_users(unit: WriteUnit, rows: Sequence[Mapping[str, Any]]) -> set[UUID]:
    """New users; answers the ids of those whose address and name were still free."""
    statement = insert_or_skip(User).on_conflict_do_nothing().returning(User.id)
    return set((await unit.execute(statement, rows)).scalars())


async def insert_links(unit: WriteUnit, roles: Sequence[Mapping[str, Any]], teams: Sequence[Mapping[str, Any]]) -> None:
    """The new users' roles and memberships."""
    if roles:
        await unit.execute(insert(UserRole), roles)
    if teams:
        await unit.execute(insert(TeamMember), teams)


async def stream_users(unit: ReadUnit) -> AsyncResult[Any]:
    """All living users in the order they were made, roles and teams as names."""
    statement = (
        select(
            User.email,
            User.username,
            User.full_name,
            User.phone,
            User.locale,
            User.timezone,
            _names(Role, UserRole, UserRole.role_id).label("roles"),
            _names(Team, TeamMember, TeamMember.team_id).label("teams"),
            User.id,
            User.is_active,
            User.is_verified,
            User.mfa_enabled,
            User.last_login_at,
            User.created_at,
            User.updated_at,
        )
        .where(User.deleted_at.is_(None))
        .order_by(User.created_at, User.id)
    )
    return await unit.stream(statement, batch=BATCH)


def _names(related: Any, link: Any, link_key: Any) -> Any:
    return (
        select(func.string_agg(related.name, aggregate_order_by(literal(";"), related.name)))
        .select_from(link)
        .join(related, related.id == link_key)
        .where(link.user_id == User.id)
        .scalar_subquery()
    )
