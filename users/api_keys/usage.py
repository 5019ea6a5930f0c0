"""When API keys were last used, without a write for every request."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from common.clock import now
from common.errors import ServiceError
from database import DATABASE_ERRORS, Database, Tenant
from users.api_keys.queries import record_uses

INTERVAL: Final = 60.0  # seconds: `last_used_at` is for people, who look for keys that nobody uses any more
FLUSH_SECONDS: Final = 5.0  # a process that ends does not wait longer for it

log = structlog.get_logger("api_keys")


class KeyUsage:
    """Collects the uses of a minute, then writes one statement for each tenant.

    What cannot be written is lost: the next use notes itself again.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._uses: defaultdict[Tenant, dict[UUID, datetime]] = defaultdict(dict)

    def note(self, tenant: Tenant, key_id: UUID) -> None:
        """The key was used just now."""
        self._uses[tenant][key_id] = now()

    async def run(self) -> None:
        """Write down what was noted every minute, for ever."""
        while True:
            await asyncio.sleep(INTERVAL)
            await self._write_all()

    async def flush(self) -> None:
        """Write down what was noted, in a few seconds or not at all. Never fails."""
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._write_all()
        except TimeoutError:
            log.warning("key_usage_lost", reason="timeout")

    async def _write_all(self) -> None:
        noted = dict(self._uses)
        self._uses.clear()
        for tenant, uses in noted.items():
            await self._write(tenant, uses)

    async def _write(self, tenant: Tenant, uses: dict[UUID, datetime]) -> None:
        try:
            async with self._database.bookkeeping(tenant) as unit:
                await record_uses(unit, uses)
        except (*DATABASE_ERRORS, ServiceError) as error:
            log.warning("key_usage_lost", tenant=tenant.name.schema, reason=type(error).__name__)
