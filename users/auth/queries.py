"""The SQL of authentication."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Integer,
    Row,
    Text,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    union,
    update,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from common.paging import AnySelect
from database import ReadUnit, WriteUnit
from users.accounts.queries import user_columns
from users.auth.lifetimes import Lifetimes
from users.models import (
    PRINCIPALS,
    PROFILES,
    Role,
    RolePermission,
    TeamMember,
    TeamRole,
    User,
    UserPermission,
    UserRole,
    UserSession,
)
from users.schemas import normalize_email, normalize_username

# The statements of a login are written once: putting them together takes longer than running them.


def _login(from_there: ColumnElement[bool]) -> AnySelect:
    known_address = exists().where(UserSession.user_id == User.id, from_there)
    return select(
        known_address.label("known_address"),
        User.id,
        User.username,
        User.password_hash,
        User.password_changed_at,
        User.is_active,
        User.mfa_enabled,
    ).where(
        or_(User.username_normalized == bindparam("as_username"), User.email_normalized == bindparam("as_email")),
        User.deleted_at.is_(None),
    )


_LOGIN: Final = _login(UserSession.ip_address == bindparam("ip_address"))
_LOGIN_FROM_NOWHERE: Final = _login(UserSession.ip_address.is_(None))


async def find_login(unit: ReadUnit, name: str, ip_address: str | None) -> Row[Any] | None:
    """The living user whose user name or address this is, and whether it was here before from this IP address.

    An e-mail address has an @, a user name cannot, so at most one user is found.
    """
    values = {"as_username": normalize_username(name), "as_email": normalize_email(name)}
    if ip_address is None:
        return (await unit.execute(_LOGIN_FROM_NOWHERE, values)).one_or_none()
    return (await unit.execute(_LOGIN, {**values, "ip_address": ip_address})).one_or_none()


async def find_password_hash(unit: ReadUnit, user_id: UUID) -> str | None:
    """What a user's password is verified against."""
    found = await unit.execute(select(User.password_hash).where(User.id == user_id, User.deleted_at.is_(None)))
    return found.scalar_one_or_none()


_NEW_SESSION: Final = {
    column.name: bindparam(f"session_{column.name}", type_=column.type)
    for column in UserSession.__table__.c
    if column.name not in {"revoked_at", "revoked_reason"}
}


def _opening(**renewed: ColumnElement[Any]) -> AnySelect:
    """Notes the login and inserts its session in one statement, which answers the user as the API shows it."""
    noted = (
        update(User)
        .where(
            User.id == bindparam("user"),
            User.is_active,
            User.deleted_at.is_(None),
            User.password_changed_at.is_not_distinct_from(bindparam("password_as_of")),
        )
        .values(last_login_at=bindparam("moment"), **renewed)
        .returning(*user_columns())
        .cte("noted")
    )
    session = insert(UserSession).from_select(list(_NEW_SESSION), select(*_NEW_SESSION.values()).select_from(noted))
    return select(noted).add_cte(session.cte("opened"))


_OPENING: Final = _opening()
_OPENING_AND_RENEWING: Final = _opening(password_hash=bindparam("renewed_hash", type_=Text))


async def open_session(
    unit: WriteUnit, user: Row[Any], renewed_hash: str | None, session: Mapping[str, Any]
) -> Row[Any] | None:
    """Note when a user logged in, insert the session and answer the user; the record's version stays, since nobody
    edited it.

    None when the user was deactivated, deleted or given another password after ``find_login`` read it.
    """
    values = {_NEW_SESSION[name].key: value for name, value in session.items()}
    values |= {"user": user.id, "password_as_of": user.password_changed_at, "moment": session["created_at"]}
    if renewed_hash:
        found = await unit.execute(_OPENING_AND_RENEWING, {**values, "renewed_hash": renewed_hash})
    else:
        found = await unit.execute(_OPENING, values)
    unit.invalidate(PROFILES, str(user.id))
    return found.one_or_none()


async def lock_session(unit: WriteUnit, session_id: UUID) -> Row[Any] | None:
    """A session and whether its user may go on, locked so that refreshes of one session stand in line."""
    found = await unit.execute(
        select(
            UserSession.id,
            UserSession.user_id,
            UserSession.generation,
            UserSession.refresh_digest,
            UserSession.rotated_at,
            UserSession.created_at,
            UserSession.last_used_at,
            UserSession.idle_expires_at,
            UserSession.expires_at,
            UserSession.revoked_at,
            User.username,
            (User.is_active & User.deleted_at.is_(None)).label("user_is_active"),
        )
        .join(User, User.id == UserSession.user_id)
        .where(UserSession.id == session_id)
        .with_for_update(of=UserSession)
    )
    return found.one_or_none()


async def update_session(unit: WriteUnit, session_id: UUID, values: Mapping[str, Any]) -> None:
    """Change a session that ``lock_session`` holds, and have its copies forgotten: they know its times."""
    unit.invalidate(PROFILES, str(session_id))
    unit.invalidate(PRINCIPALS, str(session_id))
    await unit.execute(update(UserSession).where(UserSession.id == session_id).values(**values))


async def end_sessions(
    unit: WriteUnit,
    user_id: UUID,
    moment: datetime,
    *,
    only: UUID | None = None,
    other_than: UUID | None = None,
    reason: str = "logout",
) -> list[UUID]:
    """End the living sessions of a user: all, only one, or all but one. Answers their ids."""
    statement = update(UserSession).where(UserSession.user_id == user_id, UserSession.revoked_at.is_(None))
    if only is not None:
        statement = statement.where(UserSession.id == only)
    if other_than is not None:
        statement = statement.where(UserSession.id != other_than)
    ended = await unit.execute(statement.values(revoked_at=moment, revoked_reason=reason).returning(UserSession.id))
    return list(ended.scalars())


async def end_oldest_sessions(
    unit: WriteUnit, user_id: UUID, moment: datetime, limits: Lifetimes, *, keep: int
) -> list[UUID]:
    """End the living sessions of a user save the newest ``keep``. Answers their ids, the oldest first."""
    times = {"moment": moment, "opened_after": moment - limits.absolute, "used_after": moment - limits.idle}
    ended = await unit.execute(_END_OLDEST, {**times, "user": user_id, "keep": keep})
    return sorted(ended.scalars())


async def count_newer_sessions(unit: ReadUnit, session: Row[Any], moment: datetime, limits: Lifetimes) -> int:
    """How many living sessions the user of a session has opened after it."""
    opened = tuple_(UserSession.created_at, UserSession.id)
    newer = opened > tuple_(literal(session.created_at), literal(session.id))
    statement = select(func.count()).where(UserSession.user_id == session.user_id, newer, lives(moment, limits))
    return int((await unit.execute(statement)).scalar_one())


def lives(moment: datetime, limits: Lifetimes) -> ColumnElement[bool]:
    """Whether a session has neither been ended nor come to an end by itself."""
    return _lives(literal(moment), literal(moment - limits.absolute), literal(moment - limits.idle))


def _lives(moment: Any, opened_after: Any, used_after: Any) -> ColumnElement[bool]:
    return and_(
        UserSession.revoked_at.is_(None),
        UserSession.expires_at > moment,
        UserSession.idle_expires_at > moment,
        UserSession.created_at > opened_after,
        UserSession.last_used_at > used_after,
    )


_SURPLUS: Final = (
    select(UserSession.id)
    .where(
        UserSession.user_id == bindparam("user"),
        _lives(*(bindparam(name, type_=DateTime(timezone=True)) for name in ("moment", "opened_after", "used_after"))),
    )
    .order_by(UserSession.created_at.desc(), UserSession.id.desc())
    .offset(bindparam("keep", type_=Integer))
)
_END_OLDEST: Final = (
    update(UserSession)
    .where(UserSession.id.in_(_SURPLUS))
    .values(revoked_at=bindparam("moment", type_=DateTime(timezone=True)), revoked_reason="too_many_sessions")
    .returning(UserSession.id)
)


async def find_rights(unit: ReadUnit, user_id: UUID, session_id: UUID, moment: datetime) -> Row[Any] | None:
    """Everything a principal is made of, in one statement; None unless user and session are alive."""
    found = await unit.execute(
        _rights(user_id)
        .add_columns(
            UserSession.created_at.label("started_at"),
            UserSession.last_used_at.label("refreshed_at"),
            func.least(UserSession.expires_at, UserSession.idle_expires_at).label("ends_at"),
        )
        .join(UserSession, UserSession.user_id == User.id)
        .where(
            UserSession.id == session_id,
            UserSession.revoked_at.is_(None),
            UserSession.expires_at > literal(moment),
            UserSession.idle_expires_at > literal(moment),
        )
    )
    return found.one_or_none()


async def find_owner_rights(unit: ReadUnit, user_id: UUID) -> Row[Any] | None:
    """The same for the owner of an API key; None unless the user is alive."""
    return (await unit.execute(_rights(user_id))).one_or_none()


def _rights(user_id: UUID) -> AnySelect:
    """What a living user is and may do.

    ``grants`` has one ``{"permission", "level"}`` for each way a permission is held, ``denials`` the names taken away.
    """
    held = union(
        select(UserRole.role_id).where(UserRole.user_id == user_id),
        select(TeamRole.role_id)
        .join(TeamMember, TeamMember.team_id == TeamRole.team_id)
        .where(TeamMember.user_id == user_id),
    ).cte("held")
    granted = (
        select(RolePermission.permission, RolePermission.level)
        .join(held, held.c.role_id == RolePermission.role_id)
        .union_all(
            select(UserPermission.permission, UserPermission.level).where(
                UserPermission.user_id == user_id, UserPermission.effect == "allow"
            )
        )
        .subquery()
    )
    roles = select(
        func.json_agg(aggregate_order_by(func.json_build_object("id", Role.id, "name", Role.name), Role.name))
    ).where(Role.id.in_(select(held.c.role_id)))
    denied = select(func.json_agg(UserPermission.permission)).where(
        UserPermission.user_id == user_id, UserPermission.effect == "deny"
    )
    return select(
        User.username,
        User.mfa_enabled,
        roles.scalar_subquery().label("roles"),
        select(func.coalesce(func.max(Role.rank), 0))
        .where(Role.id.in_(select(held.c.role_id)))
        .scalar_subquery()
        .label("rank"),
        select(func.json_agg(func.json_build_array(granted.c.permission, granted.c.level)))
        .scalar_subquery()
        .label("grants"),
        denied.scalar_subquery().label("denials"),
    ).where(User.id == user_id, User.is_active, User.deleted_at.is_(None))
