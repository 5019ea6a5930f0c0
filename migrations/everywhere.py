"""Upgrading the tenants of all servers: the fleet of each, and what the home registry says of those on shards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import asyncpg
import structlog

from common.config import Config
from common.ids import TenantName
from migrations.errors import DatabaseProblem
from migrations.fleet import FleetReport, migrate_everything
from migrations.login import plain_dsn
from migrations.notices import notify_change
from migrations.seed import digest
from migrations.shards import prepare_shard
from migrations.tenant import expected_revision

EVERY_SECONDS: Final = 1.0  # how long an upgraded tenant of a shard waits, while others of it are upgraded
BEHIND: Final = """
SELECT id FROM system.tenants
WHERE shard = $1 AND moving_to IS NULL AND (revision <> $2 OR seed_digest <> $3)
"""
DONE: Final = "SELECT id FROM system.tenants WHERE id = ANY($1) AND revision = $2 AND seed_digest = $3"
NOTE: Final = """
UPDATE system.tenants SET revision = $3, seed_digest = $4, version = version + 1, updated_at = now()
WHERE id = $1 AND shard = $2 AND moving_to IS NULL
"""

log = structlog.get_logger("platform")


async def migrate_all_servers(config: Config, report: Callable[[str], None]) -> FleetReport:
    """Prepare all databases, then upgrade every tenant that is behind. Raises DatabaseProblem for the home database's
    faults; a shard's and a tenant's are in the report."""
    result = await migrate_everything(config, report)
    for shard in config.shards:
        try:
            found = await _migrate_shard(config, shard, report)
        except (DatabaseProblem, asyncpg.PostgresError, OSError) as problem:
            result.failed[f"shard {shard}"] = str(problem).partition("\n")[0]
            report(f"shard {shard}: {problem}")
            continue
        result.total += found.total
        result.upgraded += found.upgraded
        result.failed |= found.failed
    return result


async def _migrate_shard(config: Config, shard: str, report: Callable[[str], None]) -> FleetReport:
    await prepare_shard(config, shard)
    telling = asyncio.create_task(_keep_telling(config, shard))
    try:
        return await migrate_everything(config.on(shard), lambda line: report(f"{shard} {line}"))
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        await tell_home(config, shard)


async def _keep_telling(config: Config, shard: str) -> None:
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        try:
            await tell_home(config, shard)
        except (OSError, asyncpg.PostgresError) as error:
            log.warning("home_not_told", shard=shard, reason=type(error).__name__)


async def tell_home(config: Config, shard: str) -> None:
    """Have the home registry say which of the shard's tenants are up to date. What a killed run has not told the next
    one does: it asks what is, not what was done."""
    home, there = [
        await asyncpg.connect(plain_dsn(place.owner_url), timeout=config.database_connect_timeout)
        for place in (config, config.on(shard))
    ]
    try:
        state = (expected_revision(), digest())
        behind = [row["id"] for row in await home.fetch(BEHIND, shard, *state)]
        for row in await there.fetch(DONE, behind, *state) if behind else ():
            name = TenantName.parse(row["id"])
            assert name is not None
            async with home.transaction():
                await home.execute(NOTE, name.tenant_id, shard, *state)
                await notify_change(home, name.schema)
    finally:
        await asyncio.gather(home.close(), there.close())
