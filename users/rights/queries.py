"""The SQL of rights: the ways a permission is held, who outranks whom, and the lock that changes stand in line for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Subquery, cast, exists, func, literal, null, select, union, union_all, update
from sqlalchemy.dialects.postgresql import JSON

from database import ReadUnit, WriteUnit
from users.models import Role, RolePermission, Team, TeamMember, TeamRole, User, UserPermission, UserRole


def _held_roles(user_id: UUID) -> Subquery:
    """The roles of a user, once for each way they are held; ``team_id`` is null for those held directly."""
    return union_all(
        select(UserRole.role_id, cast(null(), TeamRole.team_id.type).label("team_id")).where(
            UserRole.user_id == user_id
        ),
        select(TeamRole.role_id, TeamRole.team_id)
        .join(TeamMember, TeamMember.team_id == TeamRole.team_id)
        .where(TeamMember.user_id == user_id),
    ).subquery()


async def list_ways(unit: ReadUnit, user_id: UUID, permission: str | None = None) -> list[Row[Any]]:
    """Every way in which a user holds, or is denied, any permission or just one: a role, a team's role, or directly.

    The order is the alphabet's, roles before teams' roles before what is direct.
    """
    held = _held_roles(user_id)
    through_roles = (
        select(
            RolePermission.permission,
            RolePermission.level,
            literal("allow").label("effect"),
            Role.id.label("role_id"),
            Role.name.label("role_name"),
            Team.id.label("team_id"),
            Team.name.label("team_name"),
        )
        .join(held, held.c.role_id == RolePermission.role_id)
        .join(Role, Role.id == RolePermission.role_id)
        .outerjoin(Team, Team.id == held.c.team_id)
    )
    directly = select(
        UserPermission.permission, UserPermission.level, UserPermission.effect, null(), null(), null(), null()
    ).where(UserPermission.user_id == user_id)
    if permission is not None:
        through_roles = through_roles.where(RolePermission.permission == permission)
        directly = directly.where(UserPermission.permission == permission)
    ways = union_all(through_roles, directly).subquery()
    statement = select(*ways.c).order_by(
        ways.c.permission, ways.c.role_id.is_(None), ways.c.team_name.nulls_first(), ways.c.role_name
    )
    return list((await unit.execute(statement)).all())


async def find_standing(unit: ReadUnit, user_id: UUID) -> Row[Any] | None:
    """The highest rank among the roles that a living user holds in any way, 0 without any."""
    held = _held_roles(user_id)
    rank = select(func.coalesce(func.max(Role.rank), 0)).where(Role.id.in_(select(held.c.role_id))).scalar_subquery()
    found = await unit.execute(select(rank.label("rank")).where(User.id == user_id, User.deleted_at.is_(None)))
    return found.one_or_none()


async def lock_user(unit: WriteUnit, user_id: UUID) -> Row[Any] | None:
    """Name and version of a living user, locked until COMMIT.

    Not against references (FOR NO KEY UPDATE): who was locked may at the same moment be noted as giver of a grant.
    """
    found = await unit.execute(
        select(User.username, User.version)
        .where(User.id == user_id, User.deleted_at.is_(None))
        .with_for_update(key_share=True)
    )
    return found.one_or_none()


async def lock_rights(unit: WriteUnit) -> None:
    """Wait for other changes of rights in this tenant: they all lock the owner role's row, after any user's row."""
    await unit.execute(select(Role.id).where(Role.name == "owner", Role.is_system).with_for_update(key_share=True))


async def touch_user(unit: WriteUnit, user_id: UUID, moment: datetime) -> None:
    """Count a user's version up: what is linked with it, and shown with it, has changed."""
    await unit.execute(
        update(User).where(User.id == user_id).values(version=User.version + 1, updated_at=moment),
    )


async def find_an_owner(unit: ReadUnit) -> UUID | None:
    """Anybody who can act as an owner: active, with the owner role, and nothing denied.

    Whom something is denied could never give it to another, so such an owner does not count.
    """
    owner = select(Role.id).where(Role.name == "owner", Role.is_system).scalar_subquery()
    holders = union(
        select(UserRole.user_id).where(UserRole.role_id == owner),
        select(TeamMember.user_id)
        .join(TeamRole, TeamRole.team_id == TeamMember.team_id)
        .where(TeamRole.role_id == owner),
    ).subquery()
    denied = exists().where(UserPermission.user_id == User.id, UserPermission.effect == "deny")
    found = await unit.execute(
        select(User.id)
        .where(User.id.in_(select(holders.c.user_id)), User.is_active, User.deleted_at.is_(None), ~denied)
        .limit(1)
    )
    return found.scalar_one_or_none()


async def find_roles(unit: ReadUnit, role_ids: Sequence[UUID]) -> list[Row[Any]]:
    """Those of the roles that exist, each with its grants as ``{permission: level}``."""
    grants = (
        select(func.json_object_agg(RolePermission.permission, RolePermission.level))
        .where(RolePermission.role_id == Role.id)
        .scalar_subquery()
    )
    found = await unit.execute(
        select(
            Role.id,
            Role.name,
            Role.description,
            Role.is_system,
            Role.rank,
            Role.version,
            func.coalesce(grants, cast(literal("{}"), JSON)).label("grants"),
        ).where(Role.id.in_(role_ids))
    )
    return list(found.all())


async def find_team_roles(unit: ReadUnit, team_ids: Sequence[UUID]) -> list[Row[Any]]:
    """Those of the teams that exist, each with the ids of the roles it carries."""
    carried = select(func.array_agg(TeamRole.role_id)).where(TeamRole.team_id == Team.id).scalar_subquery()
    found = await unit.execute(select(Team.id, carried.label("role_ids")).where(Team.id.in_(team_ids)))
    return list(found.all())
