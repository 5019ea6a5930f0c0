"""What a process looks up every now and then for its metrics: its event loop, the outboxes, and who is behind."""

from __future__ import annotations

import asyncio
from typing import Final

import users
from common.errors import ServiceError
from common.observability.counts import JOBS, JOBS_LATE, LOOP_LAG, TENANTS_BEHIND
from common.outbox.queries import measure_outbox
from common.postgresql.errors import DATABASE_ERRORS
from serving.services import Services

EVERY_SECONDS: Final = 10.0  # less than Prometheus' usual time between scrapes
LOOP_SECONDS: Final = 0.5


async def measure_for_ever(services: Services) -> None:
    """Look, and look again."""
    while True:
        await measure(services)
        await asyncio.sleep(EVERY_SECONDS)


async def measure(services: Services) -> None:
    """Look once. A server that does not answer keeps its last values: that it is away other metrics tell."""
    for shard in services.database.servers:
        try:
            async with services.database.system_of(shard) as unit:
                waiting, dead, late = await measure_outbox(unit)
                behind = await users.count_outdated_tenants(unit, services.expected_revision)
        except (*DATABASE_ERRORS, ServiceError):
            continue
        JOBS.labels(shard, "waiting").set(waiting)
        JOBS.labels(shard, "dead").set(dead)
        JOBS_LATE.labels(shard).set(late)
        TENANTS_BEHIND.labels(shard).set(behind)


async def measure_loop() -> None:
    """How long whatever is ready to run has to wait for its turn, for ever."""
    clock = asyncio.get_running_loop().time
    while True:
        began = clock()
        await asyncio.sleep(LOOP_SECONDS)
        LOOP_LAG.observe(max(0.0, clock() - began - LOOP_SECONDS))
