"""The principal behind a credential, with the rights it has now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row

from common.clock import now
from common.ids import TenantName
from database import ReadUnit, WriteUnit
from shared_auth import LEVEL_ORDER, Level, Principal
from users.auth import queries
from users.auth.schemas import Me, Session
from users.schemas import RoleRef, User

PRINCIPALS: Final = "principals"
"""The cached principals of a tenant, by session and by API key's digest: what ``WriteUnit.invalidate`` takes."""


async def load_principal(unit: ReadUnit, *, tenant: TenantName, user_id: UUID, session_id: UUID) -> Principal | None:
    """The principal behind a verified token; None when its user or session is no more."""
    row = await queries.find_rights(unit, user_id, session_id, now())
    return _principal(tenant, user_id, row, session_id) if row else None


async def load_owner(unit: ReadUnit, *, tenant: TenantName, user_id: UUID) -> Principal | None:
    """The owner of an API key, with everything it may do by itself; None when the user is no more."""
    row = await queries.find_owner_rights(unit, user_id)
    return _principal(tenant, user_id, row, None) if row else None


def forget_rights(unit: WriteUnit) -> None:
    """Have every process ask again, once the change is durable, what people and API keys of this tenant may do."""
    unit.invalidate(PRINCIPALS)


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
    )
