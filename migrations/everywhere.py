"""Upgrading the tenants of all servers: the fleet of each, and what the home registry says of those on shards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from operator import attrgetter
from typing import Final

import asyncpg
import structlog

from common.config import Config
from common.errors import TenantNotFound
from common.ids import TenantName
from common.postgresql.errors import DRIVER_ERRORS
from common.shards import HOME
from migrations.bootstrap import prepare_database
from migrations.errors import DatabaseProblem
from migrations.fleet import DEFAULT_WORKERS, EVERYBODY, Choice, Fleet, FleetReport, Report
from migrations.login import plain_dsn
from migrations.notices import notify_change
from migrations.seed import digest
from migrations.shards import check_shard, prepare_shard
from migrations.tenant import expected_revision
from migrations.upgrading import plan_from

EVERY_SECONDS: Final = 1.0  # how long an upgraded tenant of a shard waits, while others of it are upgraded
UNTOLD: Final = """
SELECT id FROM system.tenants
WHERE shard = $1 AND moving_to IS NULL AND (revision <> $2 OR seed_digest <> $3)
"""
DONE: Final = "SELECT id FROM system.tenants WHERE id = ANY($1) AND revision = $2 AND seed_digest = $3"
NOTE: Final = """
UPDATE system.tenants SET revision = $3, seed_digest = $4, version = version + 1, updated_at = now()
WHERE id = $1 AND shard = $2 AND moving_to IS NULL
"""

log = structlog.get_logger("platform")


async def migrate_all_servers(
    config: Config,
    report: Report,
    *,
    choice: Choice = EVERYBODY,
    workers: int = DEFAULT_WORKERS,
    stop: asyncio.Event | None = None,
) -> FleetReport:
    """Prepare all databases, then upgrade the chosen tenants that are behind, server by server; once ``stop`` is set,
    only those in hand. Raises DatabaseProblem for the home database's faults, or TenantNotFound; a shard's and a
    tenant's are in the report."""
    stop = stop or asyncio.Event()

    async def prepare(shard: str) -> None:
        await (prepare_database(config) if shard == HOME else prepare_shard(config, shard))

    async with _fleets(config, workers) as fleets:
        found = await _look(fleets, choice, prepare)
        await fleets[HOME].upgrade(found, report, stop)
        for shard in (name for name in config.shards if name not in found.lost):
            await _upgrade_shard(config, shard, fleets[shard].upgrade(found, report, stop), found)
    return found


async def plan_all_servers(config: Config, choice: Choice = EVERYBODY) -> tuple[FleetReport, dict[str, str | None]]:
    """Who would be upgraded, and by which SQL, by the revision that they are at; None where Alembic does it tenant by
    tenant. Changes nothing. Raises DatabaseProblem or TenantNotFound."""

    async def check(shard: str) -> None:
        if shard != HOME:
            await check_shard(config, shard)

    async with _fleets(config, 1) as fleets:
        found = await _look(fleets, choice, check)
    revisions = sorted({laggard.revision for laggard in found.chosen})
    return found, {revision: (await plan_from(revision)).sql for revision in revisions}


@asynccontextmanager
async def _fleets(config: Config, workers: int) -> AsyncIterator[Mapping[str, Fleet]]:
    """The tenants of each server, the home's first."""
    fleets = {name: Fleet(config.on(name), name, workers) for name in (HOME, *config.shards)}
    try:
        yield fleets
    finally:
        for fleet in fleets.values():
            await fleet.close()


async def _look(
    fleets: Mapping[str, Fleet], choice: Choice, make_ready: Callable[[str], Awaitable[None]]
) -> FleetReport:
    """Who is behind, on all servers together. The home's registry knows everybody."""
    found = FleetReport()
    for shard, fleet in fleets.items():
        try:
            await make_ready(shard)
            total, is_known, behind = await fleet.look(choice.tenant)
        except DatabaseProblem as problem:
            if shard == HOME:
                raise
            found.lost[shard] = str(problem)
            continue
        if shard == HOME and choice.tenant is not None and not is_known:
            raise TenantNotFound
        found.total += total
        found.behind += behind
    found.behind.sort(key=attrgetter("tenant"))
    found.chosen = choice.among(found.behind)
    return found


async def _upgrade_shard(config: Config, shard: str, upgrade: Awaitable[None], found: FleetReport) -> None:
    telling = asyncio.create_task(_keep_telling(config, shard))
    try:
        await upgrade
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        try:
            await tell_home(config, shard)
        except DRIVER_ERRORS as error:
            found.lost[shard] = f"The home database was not told of its upgrades: {error or type(error).__name__}."


async def _keep_telling(config: Config, shard: str) -> None:
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        try:
            await tell_home(config, shard)
        except DRIVER_ERRORS as error:
            log.warning("home_not_told", shard=shard, reason=type(error).__name__)


async def tell_home(config: Config, shard: str) -> None:
    """Have the home registry say which of the shard's tenants are up to date. What a killed run has not told the next
    one does: it asks what is, not what was done."""
    state = (expected_revision(), digest())
    async with _owner_of(config) as home, _owner_of(config.on(shard)) as there:
        behind = [row["id"] for row in await home.fetch(UNTOLD, shard, *state)]
        for row in await there.fetch(DONE, behind, *state) if behind else ():
            name = TenantName.parse(row["id"])
            assert name is not None
            async with home.transaction():
                await home.execute(NOTE, name.tenant_id, shard, *state)
                await notify_change(home, name.schema)


@asynccontextmanager
async def _owner_of(config: Config) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(plain_dsn(config.owner_url), timeout=config.database_connect_timeout)
    try:
        yield connection
    finally:
        await connection.close()
