"""Jobs that rows of a tenant wait for. An archive has the rows but not the outbox, so its copy orders them itself."""

from __future__ import annotations

from typing import Final

import asyncpg

import settings
from common.ids import TenantName

# The payload is what ``settings.operators.FLAG_SWITCH`` is enqueued with elsewhere; what is late is due at once.
FLAG_SWITCHES: Final = """
INSERT INTO system.outbox (id, tenant_id, kind, payload, run_at)
SELECT gen_random_uuid(), $1, $2,
       jsonb_build_object('flag_id', id, 'switch_at', switch_at, 'switch_to', switch_to), switch_at
FROM feature_flags
WHERE switch_at IS NOT NULL
"""


async def order_jobs(connection: asyncpg.Connection, name: TenantName) -> None:
    """Order what the rows of the tenant on the search_path wait for. The tenant is registered already."""
    await connection.execute(FLAG_SWITCHES, name.tenant_id, settings.operators.FLAG_SWITCH)
