"""Whether requests should be sent to this process: its servers answer, and they are prepared for this version."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import users
from common.http.root import Check, Verdict
from migrations.startup import Startup
from serving.services import Services

SHARD_SECONDS: Final = 1.5  # for a shard to answer the readiness probe, which itself has two


def readiness_checks(services: Services, startup: Startup) -> Mapping[str, Check]:
    """What ``/readiness`` asks. A replica and shards are asked where there are any."""

    async def database() -> Verdict:
        return "fail" if startup.draining or await users.has_outdated_tenants(services) is None else "pass"

    async def redis() -> Verdict:
        return "pass" if await services.caches.redis.answers() else "warn"

    async def migrations() -> Verdict:
        behind = await users.has_outdated_tenants(services) if startup.done else None
        return "fail" if behind is None else "warn" if behind else "pass"

    async def replica() -> Verdict:
        return "pass" if await services.database.replica_answers() else "warn"

    async def shards() -> Verdict:
        answers = await asyncio.gather(*(_answers(services, name) for name in services.config.shards))
        return "pass" if all(answers) else "warn"  # only the tenants of one that is away are refused

    checks = {"database": database, "redis": redis, "migrations": migrations}
    checks |= {"replica": replica} if services.config.database_replica_url else {}
    return checks | ({"shards": shards} if services.config.shards else {})


async def _answers(services: Services, shard: str) -> bool:
    try:
        async with asyncio.timeout(SHARD_SECONDS):
            return await users.has_outdated_tenants(services, shard) is not None
    except TimeoutError:
        return False
