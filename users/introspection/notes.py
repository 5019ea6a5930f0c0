"""Which services were asked to honour which API keys: told in the audit log, but not while they wait for an answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from common.audit import Actor, Change, Origin, Target, entry
from common.errors import ServiceError, TenantMoving
from common.ids import TenantName
from common.postgresql.errors import DATABASE_ERRORS
from database import Database, Tenant
from serving.usage.notes import Notes
from shared_auth import KeyRef, Principal

ACTION: Final = "users.api_key.introspected"

log = structlog.get_logger("introspection")


@dataclass(slots=True)
class _Uses:
    origin: Origin  # of the first question
    count: int = 0


class KeyIntrospections(Notes):
    """Counts in a minute's notes how often each service asked about each key that was good, and writes one audit entry
    for each pair of them."""

    def __init__(self, database: Database, find_tenant: Callable[[TenantName], Awaitable[Tenant | None]]) -> None:
        self._database = database
        self._find_tenant = find_tenant  # it may be on another server by then
        self._uses: defaultdict[TenantName, dict[tuple[Actor, KeyRef], _Uses]] = defaultdict(dict)

    def note(self, tenant: Tenant, asker: Principal, key: KeyRef, origin: Origin) -> None:
        """Somebody asked about a key, and heard that it is good."""
        self._uses[tenant.name].setdefault((asker.actor, key), _Uses(origin)).count += 1

    async def write(self) -> None:
        """One transaction for each tenant."""
        noted, self._uses = self._uses, defaultdict(dict)
        for name, uses in noted.items():
            try:
                await self._write(name, uses)
            except TenantMoving:  # then in a minute
                for pair, use in uses.items():
                    self._uses[name].setdefault(pair, _Uses(use.origin)).count += use.count
            except (*DATABASE_ERRORS, ServiceError) as error:
                reason = type(error).__name__
                log.warning("introspections_lost", tenant=name.schema, reason=reason, pairs=len(uses))

    async def _write(self, name: TenantName, uses: Mapping[tuple[Actor, KeyRef], _Uses]) -> None:
        tenant = await self._find_tenant(name)
        if tenant is None:
            return
        async with self._database.write(tenant, origin=Origin("introspections")) as unit:
            for (asker, key), use in uses.items():
                target = Target("api_key", str(key.id), key.name)
                count = [Change("uses", None, use.count)]
                unit.note(entry(ACTION, actor=asker, origin=use.origin, target=target, changes=count))
