"""The SQL of roles and permissions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, case, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import aggregate_order_by, array

from common.paging import AnySelect, ListQuery, Order, Slice, contains, created_within, fetch_slice
from database import ReadUnit, WriteUnit
from users.models import Permission, Role, RolePermission, Team, TeamRole, User, UserRole

_roles: Any = Role.__table__
_permissions: Any = Permission.__table__

ROLE_ORDER: Final = Order(
    fields={"created_at": _roles.c.created_at, "name": func.lower(_roles.c.name), "rank": _roles.c.rank},
    identity=_roles.c.id,
    default="-rank",
)
PERMISSION_ORDER: Final = Order(fields={"name": _permissions.c.name}, identity=_permissions.c.name, default="name")


def _select_roles() -> AnySelect:
    """Roles in the columns of the schema ``Role``, each with its grants as text."""
    grant = RolePermission.permission + case((RolePermission.level == "all", ""), else_=":" + RolePermission.level)
    grants = (
        select(func.array_agg(aggregate_order_by(grant, RolePermission.permission)))
        .where(RolePermission.role_id == Role.id)
        .scalar_subquery()
    )
    return select(
        Role.id,
        Role.name,
        Role.description,
        Role.is_system,
        func.coalesce(grants, array([], type_=RolePermission.permission.type)).label("permissions"),
        Role.created_at,
        Role.updated_at,
        Role.version,
    )


async def list_roles(unit: ReadUnit, query: ListQuery) -> Slice:
    """A page of roles."""
    statement = _select_roles().where(created_within(_roles.c.created_at, query))
    if query.q:
        statement = statement.where(contains(query.q, _roles.c.name, _roles.c.description))
    return await fetch_slice(unit, statement, ROLE_ORDER, query)


async def find_role(unit: ReadUnit, role_id: UUID) -> Row[Any] | None:
    """One role."""
    return (await unit.execute(_select_roles().where(Role.id == role_id))).one_or_none()


async def list_roles_of_user(unit: ReadUnit, user_id: UUID) -> list[Row[Any]]:
    """The roles a user holds directly, highest rank first."""
    statement = (
        _select_roles().join(UserRole, UserRole.role_id == Role.id).where(UserRole.user_id == user_id)
    ).order_by(Role.rank.desc(), func.lower(Role.name))
    return list((await unit.execute(statement)).all())


async def list_permissions(unit: ReadUnit, query: ListQuery) -> Slice:
    """A page of the catalogue."""
    statement = select(Permission.name, Permission.module, Permission.description)
    if query.q:
        statement = statement.where(contains(query.q, _permissions.c.name, _permissions.c.description))
    return await fetch_slice(unit, statement, PERMISSION_ORDER, query)


async def insert_role(unit: WriteUnit, values: Mapping[str, Any]) -> None:
    """A new row; a taken name is refused by its unique index."""
    await unit.execute(insert(Role).values(**values))


async def update_role(unit: WriteUnit, role_id: UUID, values: Mapping[str, Any]) -> None:
    """Set fields and count the version up."""
    await unit.execute(update(Role).where(Role.id == role_id).values(**values, version=Role.version + 1))


async def replace_grants(unit: WriteUnit, role_id: UUID, grants: Mapping[str, str]) -> None:
    """Have a role hold exactly these permissions, each at its level."""
    await unit.execute(delete(RolePermission).where(RolePermission.role_id == role_id))
    rows = [{"role_id": role_id, "permission": name, "level": level} for name, level in grants.items()]
    if rows:
        await unit.execute(insert(RolePermission), rows)


async def lock_holders(unit: WriteUnit, role_id: UUID) -> None:
    """Lock the users who hold a role directly, before ``lock_rights``, for ``touch_holders`` after it."""
    holders = select(UserRole.user_id).where(UserRole.role_id == role_id)
    await unit.execute(select(User.id).where(User.id.in_(holders)).order_by(User.id).with_for_update(key_share=True))


async def touch_holders(unit: WriteUnit, role_id: UUID, moment: datetime) -> tuple[int, int]:
    """Count the versions of the users and teams that show this role up; answers how many there are of each."""
    users = await unit.execute(
        update(User)
        .where(User.id.in_(select(UserRole.user_id).where(UserRole.role_id == role_id)))
        .values(version=User.version + 1, updated_at=moment)
    )
    teams = await unit.execute(
        update(Team)
        .where(Team.id.in_(select(TeamRole.team_id).where(TeamRole.role_id == role_id)))
        .values(version=Team.version + 1, updated_at=moment)
    )
    return users.rowcount, teams.rowcount


async def delete_role(unit: WriteUnit, role_id: UUID) -> None:
    """Remove a role, and with it every grant of it."""
    await unit.execute(delete(Role).where(Role.id == role_id))
