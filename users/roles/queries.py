"""The SQL of roles and permissions."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import case, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by, array

from common.paging import ListQuery, Order, Slice, contains, created_within, fetch_slice
from database import ReadUnit
from users.models import Permission, Role, RolePermission

_roles: Any = Role.__table__
_permissions: Any = Permission.__table__

ROLE_ORDER: Final = Order(
    fields={"created_at": _roles.c.created_at, "name": func.lower(_roles.c.name), "rank": _roles.c.rank},
    identity=_roles.c.id,
    default="-rank",
)
PERMISSION_ORDER: Final = Order(fields={"name": _permissions.c.name}, identity=_permissions.c.name, default="name")


async def list_roles(unit: ReadUnit, query: ListQuery) -> Slice:
    """A page of roles, each with its grants as text."""
    grant = RolePermission.permission + case((RolePermission.level == "all", ""), else_=":" + RolePermission.level)
    grants = (
        select(func.array_agg(aggregate_order_by(grant, RolePermission.permission)))
        .where(RolePermission.role_id == Role.id)
        .scalar_subquery()
    )
    statement = select(
        Role.id,
        Role.name,
        Role.description,
        Role.is_system,
        func.coalesce(grants, array([], type_=RolePermission.permission.type)).label("permissions"),
        Role.created_at,
        Role.updated_at,
        Role.version,
    ).where(created_within(_roles.c.created_at, query))
    if query.q:
        statement = statement.where(contains(query.q, _roles.c.name, _roles.c.description))
    return await fetch_slice(unit, statement, ROLE_ORDER, query)


async def list_permissions(unit: ReadUnit, query: ListQuery) -> Slice:
    """A page of the catalogue."""
    statement = select(Permission.name, Permission.module, Permission.description)
    if query.q:
        statement = statement.where(contains(query.q, _permissions.c.name, _permissions.c.description))
    return await fetch_slice(unit, statement, PERMISSION_ORDER, query)
