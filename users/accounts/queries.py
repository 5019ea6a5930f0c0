"""The SQL of accounts. Every SELECT lists its columns; roles and teams come along in the same statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Label, Row, bindparam, cast, exists, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import JSON, aggregate_order_by

from common.paging import AnySelect, ListQuery, Order, Slice, contains, created_within, fetch_slice
from database import ReadUnit, WriteUnit
from users.accounts.endings import ACCESS_ENDINGS
from users.models import ApiKey, Role, Team, TeamMember, User, UserRole, UserSession

ORDER: Final = Order(
    fields={
        "created_at": User.__table__.c.created_at,
        "updated_at": User.__table__.c.updated_at,
        "email": User.__table__.c.email_normalized,
        "username": User.__table__.c.username_normalized,
    },
    identity=User.__table__.c.id,
)


def _mentions(name: str, related: Any, link: Any, link_key: Any) -> Label[Any]:
    """A JSON array of ``{"id", "name"}``, sorted by name, of what a link table connects with the user."""
    item = func.json_build_object("id", related.id, "name", related.name)
    found = (
        select(func.json_agg(aggregate_order_by(item, related.name)))
        .select_from(link)
        .join(related, related.id == link_key)
        .where(link.user_id == User.id)
        .scalar_subquery()
    )
    return func.coalesce(found, cast(literal("[]"), JSON)).label(name)


def user_columns() -> tuple[Any, ...]:
    """The columns of the schema ``User``."""
    return (
        User.id,
        User.email,
        User.username,
        User.full_name,
        User.phone,
        User.locale,
        User.timezone,
        User.avatar_url,
        User.is_active,
        User.is_verified,
        User.mfa_enabled,
        _mentions("roles", Role, UserRole, UserRole.role_id),
        _mentions("teams", Team, TeamMember, TeamMember.team_id),
        User.last_login_at,
        User.created_at,
        User.updated_at,
        User.version,
    )


def _users() -> AnySelect:
    return select(*user_columns()).where(User.deleted_at.is_(None))


# Written once: putting it together takes longer than running it.
_USER: Final = _users().where(User.id == bindparam("user_id"))


async def find_user(unit: ReadUnit, user_id: UUID) -> Row[Any] | None:
    """One living user."""
    return (await unit.execute(_USER, {"user_id": user_id})).one_or_none()


async def list_users(
    unit: ReadUnit, query: ListQuery, *, is_active: bool | None, role: str | None, team: str | None
) -> Slice:
    """A page of living users. ``role`` and ``team`` are names or ids."""
    statement = _users().where(created_within(User.__table__.c.created_at, query))
    if is_active is not None:
        statement = statement.where(User.is_active == is_active)
    if role is not None:
        statement = statement.where(_linked(UserRole, UserRole.role_id, Role, role))
    if team is not None:
        statement = statement.where(_linked(TeamMember, TeamMember.team_id, Team, team))
    if query.q:
        statement = statement.where(
            contains(query.q, *(User.__table__.c[n] for n in ("email", "username", "full_name")))
        )
    return await fetch_slice(unit, statement, ORDER, query)


def _linked(link: Any, link_key: Any, related: Any, name_or_id: str) -> ColumnElement[bool]:
    try:
        wanted = related.id == UUID(name_or_id)
    except ValueError:
        wanted = func.lower(related.name) == name_or_id.lower()
    return exists().where(link.user_id == User.id, link_key == related.id, wanted)


async def insert_user(unit: WriteUnit, values: Mapping[str, Any]) -> None:
    """A new row; taken names are refused by its unique indexes."""
    await unit.execute(insert(User).values(**values))


async def lock_user(unit: WriteUnit, user_id: UUID) -> Row[Any] | None:
    """The editable fields of a living user, locked against other changes until COMMIT, but not against references:
    who is being changed may at the same moment be noted as the giver of a grant."""
    found = await unit.execute(
        select(
            User.email,
            User.username,
            User.full_name,
            User.phone,
            User.locale,
            User.timezone,
            User.avatar_url,
            User.is_active,
            User.is_verified,
            User.version,
        )
        .where(User.id == user_id, User.deleted_at.is_(None))
        .with_for_update(key_share=True)
    )
    return found.one_or_none()


async def lock_deleted_user(unit: WriteUnit, user_id: UUID) -> Row[Any] | None:
    """A deleted user's name and version, locked against other changes until COMMIT."""
    found = await unit.execute(
        select(User.username, User.version).where(User.id == user_id, User.deleted_at.is_not(None)).with_for_update()
    )
    return found.one_or_none()


async def update_user(unit: WriteUnit, user_id: UUID, values: Mapping[str, Any]) -> None:
    """Set fields and count the version up. The row is locked by ``lock_user``."""
    await unit.execute(update(User).where(User.id == user_id).values(**values, version=User.version + 1))


async def end_access(unit: WriteUnit, user_id: UUID, moment: datetime, reason: str) -> None:
    """End every session and API key of a user, and what other modules have that opens to him."""
    await unit.execute(
        update(UserSession)
        .where(UserSession.user_id == user_id, UserSession.revoked_at.is_(None))
        .values(revoked_at=moment, revoked_reason=reason)
    )
    await unit.execute(
        update(ApiKey)
        .where(ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None))
        .values(revoked_at=moment, updated_at=moment, version=ApiKey.version + 1)
    )
    for end in ACCESS_ENDINGS:
        await end(unit, user_id)


async def insert_roles(unit: WriteUnit, user_id: UUID, role_ids: Sequence[UUID], granted_by: UUID) -> None:
    """Give a user roles."""
    rows = [{"user_id": user_id, "role_id": role_id, "granted_by": granted_by} for role_id in role_ids]
    await unit.execute(insert(UserRole), rows)


async def insert_memberships(unit: WriteUnit, user_id: UUID, team_ids: Sequence[UUID]) -> None:
    """Put a user into teams; an unknown one is refused by the foreign key."""
    await unit.execute(insert(TeamMember), [{"user_id": user_id, "team_id": team_id} for team_id in team_ids])
