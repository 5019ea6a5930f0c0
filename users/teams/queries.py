"""The SQL of teams and memberships."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, cast, delete, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import JSON, aggregate_order_by

from common.paging import AnySelect, ListQuery, Order, Slice, contains, created_within, fetch_slice
from database import ReadUnit, WriteUnit
from users.models import Role, Team, TeamMember, TeamRole, User

_teams: Any = Team.__table__
_members: Any = TeamMember.__table__
_users: Any = User.__table__

TEAM_ORDER: Final = Order(
    fields={
        "name": func.lower(_teams.c.name),
        "created_at": _teams.c.created_at,
        "updated_at": _teams.c.updated_at,
    },
    identity=_teams.c.id,
    default="name",
)
MEMBER_ORDER: Final = Order(
    fields={"username": _users.c.username_normalized, "joined_at": _members.c.joined_at},
    identity=_users.c.id,
    default="username",
)


def _select_teams() -> AnySelect:
    """Teams in the columns of the schema ``Team``; deleted people are not counted."""
    role = func.json_build_object("id", Role.id, "name", Role.name)
    roles = (
        select(func.json_agg(aggregate_order_by(role, Role.name)))
        .select_from(TeamRole)
        .join(Role, Role.id == TeamRole.role_id)
        .where(TeamRole.team_id == Team.id)
        .scalar_subquery()
    )
    members = (
        select(func.count())
        .select_from(TeamMember)
        .join(User, User.id == TeamMember.user_id)
        .where(TeamMember.team_id == Team.id, User.deleted_at.is_(None))
        .scalar_subquery()
    )
    return select(
        Team.id,
        Team.name,
        Team.description,
        Team.parent_id,
        func.coalesce(roles, cast(literal("[]"), JSON)).label("roles"),
        members.label("member_count"),
        Team.created_at,
        Team.updated_at,
        Team.version,
    )


async def list_teams(unit: ReadUnit, query: ListQuery) -> Slice:
    """A page of teams."""
    statement = _select_teams().where(created_within(_teams.c.created_at, query))
    if query.q:
        statement = statement.where(contains(query.q, _teams.c.name, _teams.c.description))
    return await fetch_slice(unit, statement, TEAM_ORDER, query)


async def find_team(unit: ReadUnit, team_id: UUID) -> Row[Any] | None:
    """One team."""
    return (await unit.execute(_select_teams().where(Team.id == team_id))).one_or_none()


async def insert_team(unit: WriteUnit, values: Mapping[str, Any]) -> None:
    """A new row; a taken name is refused by its unique index."""
    await unit.execute(insert(Team).values(**values))


async def update_team(unit: WriteUnit, team_id: UUID, values: Mapping[str, Any]) -> None:
    """Set fields and count the version up."""
    await unit.execute(update(Team).where(Team.id == team_id).values(**values, version=Team.version + 1))


async def replace_roles(unit: WriteUnit, team_id: UUID, role_ids: Sequence[UUID]) -> None:
    """Have a team carry exactly these roles."""
    await unit.execute(delete(TeamRole).where(TeamRole.team_id == team_id))
    if role_ids:
        await unit.execute(insert(TeamRole), [{"team_id": team_id, "role_id": role_id} for role_id in role_ids])


async def list_ancestors(unit: ReadUnit, team_id: UUID) -> list[UUID]:
    """The team and those above it. UNION, not UNION ALL: it would end even on a cycle."""
    above = select(Team.id, Team.parent_id).where(Team.id == team_id).cte("above", recursive=True)
    above = above.union(select(Team.id, Team.parent_id).join(above, Team.id == above.c.parent_id))
    return list((await unit.execute(select(above.c.id))).scalars())


async def free_children(unit: WriteUnit, team_id: UUID, moment: datetime) -> int:
    """Have the teams right below this one stand on their own; answers how many there were."""
    freed = await unit.execute(
        update(Team)
        .where(Team.parent_id == team_id)
        .values(parent_id=None, updated_at=moment, version=Team.version + 1)
    )
    return freed.rowcount


async def lock_members(unit: WriteUnit, team_id: UUID) -> None:
    """Lock the members' accounts, before ``lock_rights``, for ``touch_members`` after it."""
    members = select(TeamMember.user_id).where(TeamMember.team_id == team_id)
    await unit.execute(select(User.id).where(User.id.in_(members)).order_by(User.id).with_for_update(key_share=True))


async def touch_members(unit: WriteUnit, team_id: UUID, moment: datetime) -> int:
    """Count the versions of the users who show this team up; answers how many there are."""
    touched = await unit.execute(
        update(User)
        .where(User.id.in_(select(TeamMember.user_id).where(TeamMember.team_id == team_id)))
        .values(version=User.version + 1, updated_at=moment)
    )
    return touched.rowcount


async def delete_team(unit: WriteUnit, team_id: UUID) -> None:
    """Remove a team and its memberships; what belonged to it belongs to no team."""
    await unit.execute(delete(Team).where(Team.id == team_id))


def _select_members(team_id: UUID) -> AnySelect:
    """The living members of a team in the columns of the schema ``Member``."""
    user = func.json_build_object("id", User.id, "username", User.username, "full_name", User.full_name)
    return (
        select(user.label("user"), TeamMember.role, TeamMember.joined_at)
        .join(User, User.id == TeamMember.user_id)
        .where(TeamMember.team_id == team_id, User.deleted_at.is_(None))
    )


async def list_members(unit: ReadUnit, team_id: UUID, query: ListQuery) -> Slice:
    """A page of a team's members."""
    statement = _select_members(team_id).where(created_within(_members.c.joined_at, query))
    if query.q:
        names = (_users.c[name] for name in ("username", "full_name", "email"))
        statement = statement.where(contains(query.q, *names))
    return await fetch_slice(unit, statement, MEMBER_ORDER, query)


async def find_member(unit: ReadUnit, team_id: UUID, user_id: UUID) -> Row[Any] | None:
    """One membership of a living user."""
    return (await unit.execute(_select_members(team_id).where(User.id == user_id))).one_or_none()


async def insert_member(unit: WriteUnit, values: Mapping[str, Any]) -> None:
    """A new membership."""
    await unit.execute(insert(TeamMember).values(**values))


async def update_member(unit: WriteUnit, team_id: UUID, user_id: UUID, role: str) -> None:
    """Make a member a lead, or a lead a member."""
    chosen = (TeamMember.team_id == team_id, TeamMember.user_id == user_id)
    await unit.execute(update(TeamMember).where(*chosen).values(role=role))


async def delete_member(unit: WriteUnit, team_id: UUID, user_id: UUID) -> None:
    """End a membership."""
    chosen = (TeamMember.team_id == team_id, TeamMember.user_id == user_id)
    await unit.execute(delete(TeamMember).where(*chosen))
