"""What only the owner may do to audit logs: remove the oldest entries, once their time is over.

The oldest first, in steps, each with a signed tombstone and an entry about it in the same transaction; nothing that is
not right, or that no signed checkpoint covers.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

import asyncpg

import settings
from common.audit import Actor, Change, Origin, Target, entry
from common.errors import AuditChainBroken
from common.ids import TenantName
from common.seals import Seals
from database import Tenant, quote_identifier
from migrations.provision import TenantProvisioner
from migrations.seals import CHECKPOINTS, Attributes, find_tombstone, sign_tombstone
from migrations.tenant import expected_revision
from serving.services import Duty

STEP: Final = 5_000  # entries removed in one transaction: some 100 ms
TURNS: Final = {"audit logs": 7_300_006, "tools": 7_300_007}  # advisory locks of whoever looks after all tenants

# The oldest entries that are due and covered, recomputed. The newest of all always stays: the next one follows it.
DUE: Final = """
WITH due AS (
    SELECT item, seq, hash, prev_hash FROM audit_logs AS item
    WHERE seq > $1 AND occurred_at < $3 AND seq <= $5 AND seq < (SELECT seq FROM audit_chain)
    ORDER BY seq LIMIT $4
), link AS (
    SELECT seq, hash,
        sha256(convert_to(audit_canonical(item), 'UTF8')) = hash
            AND prev_hash = coalesce(lag(hash) OVER (ORDER BY seq), $2)
            AND seq = coalesce(lag(seq) OVER (ORDER BY seq), $1) + 1 AS is_right
    FROM due
)
SELECT count(*) AS size, max(seq) AS last_seq, bool_and(is_right) AS is_right FROM link
"""


class AuditKeeper:
    """Looks after the logs of all tenants, as their owner."""

    def __init__(self, provisioner: TenantProvisioner, seals: Seals) -> None:
        self._provisioner = provisioner
        self._seals = seals

    @asynccontextmanager
    async def turn(self, duty: Duty) -> AsyncIterator[bool]:
        """Whether nobody else does this duty; nobody will until the end of the block."""
        async with self._provisioner.connection() as connection:
            yield await connection.fetchval("SELECT pg_try_advisory_lock($1)", TURNS[duty])

    async def list_tenants(self) -> list[TenantName]:
        """The tenants of this revision that are not being deleted, nor moved."""
        async with self._provisioner.connection() as connection:
            rows = await connection.fetch(
                "SELECT id FROM system.tenants WHERE status <> 'deleting' AND revision = $1 AND moving_to IS NULL "
                "ORDER BY id",
                expected_revision(),
            )
        return [name for row in rows if (name := TenantName.parse(row["id"])) is not None]

    async def expire(self, tenant: Tenant, before: datetime) -> int:
        """Remove some of the oldest entries from before that moment; answers how many. Raises AuditChainBroken."""
        name = tenant.name
        async with self._inside(tenant) as connection:
            tombstone = await find_tombstone(connection, self._seals, name.schema)
            start = tombstone["through_seq"] if tombstone else 0
            start_hash = tombstone["hash"] if tombstone else bytes(32)
            covered = await self._find_covered(connection, name)
            due = await connection.fetchrow(DUE, start, start_hash, before, STEP, covered)
            if not due["size"]:
                return 0
            through = int(due["last_seq"])
            if not due["is_right"]:
                raise AuditChainBroken
            last_hash = await connection.fetchval("SELECT hash FROM audit_logs WHERE seq = $1", through)
            await sign_tombstone(connection, self._seals, name.schema, through, last_hash)
            await connection.execute("DELETE FROM audit_logs WHERE seq <= $1", through)
            await _note(connection, start, through)
            return through - start

    async def renew_tombstone(self, tenant: Tenant) -> None:
        """Sign the newest tombstone with the current key too."""
        name = tenant.name
        async with self._inside(tenant) as connection:
            newest = await find_tombstone(connection, self._seals, name.schema)
            if newest is not None and newest["key_id"] != self._seals.key_id:
                await sign_tombstone(connection, self._seals, name.schema, newest["through_seq"], newest["hash"])

    @asynccontextmanager
    async def _inside(self, tenant: Tenant) -> AsyncIterator[asyncpg.Connection]:
        async with self._provisioner.connection(tenant.shard) as connection, connection.transaction():
            await connection.execute(f"SET LOCAL search_path TO {quote_identifier(tenant.name.schema)}, pg_temp")
            yield connection

    async def _find_covered(self, connection: asyncpg.Connection, name: TenantName) -> int:
        """Up to which number a signed checkpoint covers the log. Raises AuditChainBroken when it knows another log."""
        for row in await connection.fetch(f"{CHECKPOINTS} ORDER BY size DESC LIMIT 10"):
            if settings.operators.checkpoint_holds(self._seals, name.schema, Attributes(row)):
                stored = await connection.fetchval("SELECT hash FROM audit_logs WHERE seq = $1", row["size"])
                if stored not in {None, row["head_hash"]}:
                    raise AuditChainBroken
                return int(row["size"]) if stored else 0
        return 0


async def _note(connection: asyncpg.Connection, start: int, through: int) -> None:
    item = entry(
        "settings.audit.expired",
        actor=Actor("system"),
        origin=Origin("housekeeping"),
        target=Target("audit_log", str(through)),
        changes=[Change("through_seq", start, through)],
    )
    await connection.execute("SELECT audit_append($1::jsonb)", json.dumps([item]))
