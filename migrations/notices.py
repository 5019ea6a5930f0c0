"""Telling every process that a tenant has changed, with the commit of the transaction that changes it."""

from __future__ import annotations

from typing import Final

import asyncpg

from common.cache.listener import CHANNEL, write_payload

TENANTS_BUCKET: Final = "system/tenants"


async def notify_change(connection: asyncpg.Connection, schema: str) -> None:
    """Have every process forget what it has cached of the tenant: another may be about to take its name."""
    kept = [(f"{schema}/{kind}", None) for kind in ("principals", "profiles", "settings", "flags")]
    stale = [(TENANTS_BUCKET, schema), *kept]
    await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, write_payload(stale))
