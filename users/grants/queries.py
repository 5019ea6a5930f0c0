"""The SQL of what one user holds directly."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, insert, select

from database import ReadUnit, WriteUnit
from users.models import User, UserPermission, UserRole


async def find_version(unit: ReadUnit, user_id: UUID) -> int | None:
    """The version of a living user."""
    found = await unit.execute(select(User.version).where(User.id == user_id, User.deleted_at.is_(None)))
    return found.scalar_one_or_none()


async def list_role_ids(unit: ReadUnit, user_id: UUID) -> set[UUID]:
    """The roles a user holds directly."""
    return set((await unit.execute(select(UserRole.role_id).where(UserRole.user_id == user_id))).scalars())


async def insert_roles(
    unit: WriteUnit, user_id: UUID, role_ids: Iterable[UUID], giver: UUID | None, moment: datetime
) -> None:
    """Give a user roles; without a giver it was the platform's operator."""
    rows = [{"user_id": user_id, "role_id": role_id, "granted_by": giver, "granted_at": moment} for role_id in role_ids]
    if rows:
        await unit.execute(insert(UserRole), rows)


async def delete_roles(unit: WriteUnit, user_id: UUID, role_ids: Collection[UUID]) -> None:
    """Take roles from a user."""
    if role_ids:
        await unit.execute(delete(UserRole).where(UserRole.user_id == user_id, UserRole.role_id.in_(role_ids)))


async def list_permissions(unit: ReadUnit, user_id: UUID) -> list[Row[Any]]:
    """What is given to, or taken from, a user directly, by name."""
    found = await unit.execute(
        select(
            UserPermission.permission,
            UserPermission.effect,
            UserPermission.level,
            UserPermission.granted_by,
            UserPermission.granted_at,
        )
        .where(UserPermission.user_id == user_id)
        .order_by(UserPermission.permission)
    )
    return list(found.all())


async def replace_permissions(
    unit: WriteUnit, user_id: UUID, stale: Collection[str], rows: list[dict[str, Any]]
) -> None:
    """Remove a user's entries of these permissions, then write the given ones."""
    await unit.execute(
        delete(UserPermission).where(UserPermission.user_id == user_id, UserPermission.permission.in_(stale))
    )
    if rows:
        await unit.execute(insert(UserPermission), rows)
