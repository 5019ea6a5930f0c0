"""The principal behind a credential, with the rights it has now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.clock import now
from common.ids import TenantName
from common.registry import Effective
from database import ReadUnit, WriteUnit
from shared_auth import LEVEL_ORDER, Level, Principal
from users.auth import queries
from users.auth.lifetimes import SessionTimes
from users.auth.schemas import Me, Session
from users.declarations import SECOND_FACTOR_ROLES
from users.models import PRINCIPALS
from users.schemas import RoleRef, User


@dataclass(frozen=True, slots=True)
class SessionHolder:
    """Who is behind a session, and the session's times, which are asked on every use, also of a copy."""

    principal: Principal
    times: SessionTimes


async def load_holder(unit: ReadUnit, *, tenant: TenantName, user_id: UUID, session_id: UUID) -> SessionHolder | None:
    """Who is behind a verified token; None when its user or session is no more."""
    row = await queries.find_rights(unit, user_id, session_id, now())
    if row is None:
        return None
    times = SessionTimes(row.started_at, row.refreshed_at, row.ends_at)
    return SessionHolder(_principal(tenant, user_id, row, session_id), times)


async def load_owner(unit: ReadUnit, *, tenant: TenantName, user_id: UUID) -> Principal | None:
    """The owner of an API key, with everything it may do by itself; None when the user is no more."""
    row = await queries.find_owner_rights(unit, user_id)
    return _principal(tenant, user_id, row, None) if row else None


async def load_absent(unit: ReadUnit, *, tenant: TenantName, user_id: UUID, settings: Effective) -> Principal | None:
    """Somebody with the rights of a login, for what is done in his name while he is away; None when the user is no
    more."""
    person = await load_owner(unit, tenant=tenant, user_id=user_id)
    return restrain(person, settings) if person else None


def forget_rights(unit: WriteUnit) -> None:
    """Have every process ask again, once the change is durable, what people and API keys of this tenant may do."""
    unit.invalidate(PRINCIPALS)


def restrain(principal: Principal, settings: Effective) -> Principal:
    """The same principal; without any right while one of its roles demands a second factor that it has not."""
    demanding = settings[SECOND_FACTOR_ROLES]
    if not demanding or principal.has_second_factor or principal.required_action is not None:
        return principal
    demanded = {name.lower() for name in demanding}
    if demanded.isdisjoint(name.lower() for _, name in principal.roles):
        return principal
    return replace(principal, permissions={}, required_action="enrol_second_factor")


def permission_names(actor: Principal) -> list[str]:
    """Permissions as text: the name, with its level unless that is all."""
    return sorted(name if level == "all" else f"{name}:{level}" for name, level in actor.permissions.items())


def describe(actor: Principal, user: User, session: Session | None) -> Me:
    """What somebody sees of himself."""
    return Me(
        user=user,
        tenant_id=actor.tenant.schema,
        roles=[RoleRef(id=role_id, name=name) for role_id, name in actor.roles],
        permissions=permission_names(actor),
        session=session,
        required_action=actor.required_action,
    )


def strongest(grants: Iterable[Sequence[Any]], denials: frozenset[str]) -> dict[str, Level]:
    """What pairs of a permission and a level come to: each permission at its highest level, unless it is denied."""
    permissions: dict[str, Level] = {}
    for name, level in grants:
        if name not in denials and LEVEL_ORDER[level] > LEVEL_ORDER.get(permissions.get(name, ""), 0):
            permissions[name] = level
    return permissions


def _principal(tenant: TenantName, user_id: UUID, row: Row[Any], session_id: UUID | None) -> Principal:
    return Principal(
        tenant=tenant,
        user_id=user_id,
        username=row.username,
        session_id=session_id,
        via="token",
        roles=tuple((UUID(role["id"]), role["name"]) for role in row.roles or ()),
        rank=row.rank,
        permissions=strongest(row.grants or (), frozenset(row.denials or ())),
        has_second_factor=row.mfa_enabled,
    )
