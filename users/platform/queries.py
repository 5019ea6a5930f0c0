"""The SQL of the registry, as the platform's operator reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, func, insert, select, update

from common.ids import TenantName
from common.paging import AnySelect, ListQuery, Order, Slice, contains, created_within, fetch_slice
from database import SystemUnit
from users.models import PlatformAuditLog, PlatformKey, Tenant

_tenants: Any = Tenant.__table__
_keys: Any = PlatformKey.__table__
_log: Any = PlatformAuditLog.__table__
OUTDATED_SHOWN: Final = 100

ORDER: Final = Order(
    fields={"created_at": _tenants.c.created_at, "updated_at": _tenants.c.updated_at, "id": _tenants.c.id},
    identity=_tenants.c.id,
    default="id",
)

LOG_ORDER: Final = Order(fields={"seq": _log.c.seq}, identity=_log.c.id, default="-seq")

KEY_ORDER: Final = Order(fields={"created_at": _keys.c.created_at}, identity=_keys.c.id)


def _columns() -> AnySelect:
    return select(
        Tenant.id,
        Tenant.schema_name.label("tenant_id"),
        Tenant.name,
        Tenant.status,
        Tenant.revision,
        Tenant.shard,
        Tenant.moving_to,
        Tenant.delete_after,
        Tenant.created_at,
        Tenant.updated_at,
        Tenant.version,
    )


async def list_tenants(unit: SystemUnit, query: ListQuery, *, status: str | None) -> Slice:
    """A page of the registry."""
    statement = _columns().where(created_within(_tenants.c.created_at, query))
    if status is not None:
        statement = statement.where(Tenant.status == status)
    if query.q:
        statement = statement.where(contains(query.q, _tenants.c.id, _tenants.c.name))
    return await fetch_slice(unit, statement, ORDER, query)


async def find_tenant(unit: SystemUnit, name: TenantName) -> Row[Any] | None:
    """One tenant of the registry."""
    return (await unit.execute(_columns().where(Tenant.id == name.tenant_id))).one_or_none()


async def count_tenants(unit: SystemUnit, revision: str) -> tuple[int, int]:
    """How many tenants there are, and how many of them are at this revision."""
    found = await unit.execute(
        select(
            func.count().label("total"), func.count().filter(Tenant.revision == revision).label("current")
        ).select_from(Tenant)
    )
    row = found.one()
    return int(row.total), int(row.current)


async def list_outdated(unit: SystemUnit, revision: str) -> list[str]:
    """The first tenants that are at another revision."""
    found = await unit.execute(
        select(Tenant.id).where(Tenant.revision != revision).order_by(Tenant.id).limit(OUTDATED_SHOWN)
    )
    return list(found.scalars())


async def find_living_key(unit: SystemUnit, digest: bytes) -> Row[Any] | None:
    """The platform key of this digest, unless it is revoked."""
    found = await unit.execute(
        select(PlatformKey.id, PlatformKey.name).where(PlatformKey.digest == digest, PlatformKey.revoked_at.is_(None))
    )
    return found.one_or_none()


def _shown_keys() -> AnySelect:
    return select(PlatformKey.id, PlatformKey.name, PlatformKey.prefix, PlatformKey.created_at, PlatformKey.revoked_at)


async def find_key(unit: SystemUnit, key_id: UUID) -> Row[Any] | None:
    """A platform key by its id, revoked or not."""
    return (await unit.execute(_shown_keys().where(PlatformKey.id == key_id))).one_or_none()


async def list_keys(unit: SystemUnit, query: ListQuery) -> Slice:
    """A page of platform keys."""
    statement = _shown_keys().where(created_within(_keys.c.created_at, query))
    if query.q:
        statement = statement.where(contains(query.q, _keys.c.name, _keys.c.prefix))
    return await fetch_slice(unit, statement, KEY_ORDER, query)


async def insert_key(unit: SystemUnit, values: Mapping[str, Any]) -> None:
    """A new platform key."""
    await unit.execute(insert(PlatformKey).values(**values))


async def revoke_key(unit: SystemUnit, key_id: UUID, moment: datetime) -> str | None:
    """Revoke a living key; answers its name, None when there is none of this id."""
    revoked = await unit.execute(
        update(PlatformKey)
        .where(PlatformKey.id == key_id, PlatformKey.revoked_at.is_(None))
        .values(revoked_at=moment)
        .returning(PlatformKey.name)
    )
    return revoked.scalar_one_or_none()


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which entries of the log are wanted. ``action`` may end in ``*``; ``until`` is exclusive."""

    action: str | None = None
    tenant_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """The same as SQL."""
        if self.action is not None:
            prefix = self.action.removesuffix("*")
            starts = _log.c.action.startswith(prefix, autoescape=True)
            yield _log.c.action == self.action if prefix == self.action else starts
        if self.tenant_id is not None:
            yield _log.c.tenant_id == self.tenant_id
        if self.since is not None:
            yield _log.c.occurred_at >= self.since
        if self.until is not None:
            yield _log.c.occurred_at < self.until


async def list_log(unit: SystemUnit, query: ListQuery, wanted: LogFilter) -> Slice:
    """A page of the platform's audit log."""
    statement = select(
        PlatformAuditLog.id,
        PlatformAuditLog.seq,
        PlatformAuditLog.occurred_at,
        PlatformAuditLog.action,
        PlatformAuditLog.tenant_id,
        PlatformAuditLog.actor_type,
        PlatformAuditLog.actor_id,
        PlatformAuditLog.actor_name,
        PlatformAuditLog.target_type,
        PlatformAuditLog.target_id,
        PlatformAuditLog.target_name,
        PlatformAuditLog.changes,
        PlatformAuditLog.outcome,
        PlatformAuditLog.ip_address,
        PlatformAuditLog.user_agent,
        PlatformAuditLog.request_id,
        PlatformAuditLog.session_id,
        PlatformAuditLog.prev_hash,
        PlatformAuditLog.hash,
    ).where(*wanted.conditions())
    if query.q:
        statement = statement.where(
            contains(query.q, _log.c.action, _log.c.actor_name, _log.c.target_id, _log.c.target_name)
        )
    return await fetch_slice(unit, statement, LOG_ORDER, query)
