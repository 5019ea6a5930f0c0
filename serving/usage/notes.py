"""Uses are noted in process and written once a minute."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import Column

from common.clock import now
from common.errors import ServiceError
from common.postgresql.errors import DATABASE_ERRORS
from database import Database, Tenant
from serving.usage.queries import record_uses

INTERVAL: Final = 60.0  # seconds: these notes are for people, who look for what nobody uses any more
FLUSH_SECONDS: Final = 5.0  # a process that ends does not wait longer for it

log = structlog.get_logger("usage")


class Notes:
    """What a process notes in memory and writes once a minute. What cannot be written is lost."""

    async def run(self) -> None:
        """Write down what was noted every minute, for ever."""
        while True:
            await asyncio.sleep(INTERVAL)
            await self.write()

    async def flush(self) -> None:
        """Write down what was noted, in a few seconds or not at all. Never fails."""
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await self.write()
        except TimeoutError:
            log.warning("notes_lost", of=type(self).__name__, reason="timeout")

    async def write(self) -> None:
        """Write it now. Says what was lost, and does not raise."""
        raise NotImplementedError


class UsageNotes(Notes):
    """Collects the uses of a minute, then writes one statement for each tenant. ``noted`` is the column, in a table
    whose rows have an ``id``.

    What cannot be written is lost: the next use notes itself again.
    """

    def __init__(self, database: Database, noted: Column[datetime]) -> None:
        self._database = database
        self._noted = noted
        self._uses: defaultdict[Tenant, dict[UUID, datetime]] = defaultdict(dict)
        self._together: defaultdict[Tenant, dict[int, tuple[Sequence[UUID], datetime]]] = defaultdict(dict)

    def note(self, tenant: Tenant, used_id: UUID) -> None:
        """It was used just now."""
        self._uses[tenant][used_id] = now()

    def note_all(self, tenant: Tenant, used_ids: Sequence[UUID]) -> None:
        """All of them were. Those who use the same over and over hand over the same object: it is kept once, and looked
        into when it is written."""
        self._together[tenant][id(used_ids)] = (used_ids, now())

    async def write(self) -> None:
        """All tenants' notes, one after the other."""
        noted, together = dict(self._uses), dict(self._together)
        self._uses.clear()
        self._together.clear()
        for tenant, groups in together.items():
            uses = noted.setdefault(tenant, {})
            for used_ids, moment in groups.values():
                uses.update({used_id: max(moment, uses.get(used_id, moment)) for used_id in used_ids})
        for tenant, uses in noted.items():
            await self._write(tenant, uses)

    async def _write(self, tenant: Tenant, uses: dict[UUID, datetime]) -> None:
        try:
            async with self._database.bookkeeping(tenant) as unit:
                await record_uses(unit, self._noted, uses)
        except (*DATABASE_ERRORS, ServiceError) as error:
            reason = type(error).__name__
            log.warning("usage_lost", of=self._noted.table.name, tenant=tenant.name.schema, reason=reason)
