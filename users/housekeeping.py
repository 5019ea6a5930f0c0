"""What is done once in a while, in every process: nothing breaks when it is late, or done twice."""

from __future__ import annotations

import asyncio
import random
from typing import Final

import structlog

from common.clock import now
from common.errors import ServiceError
from common.postgresql.errors import DATABASE_ERRORS
from serving.services import Services

PERIOD_SECONDS: Final = 3600

log = structlog.get_logger("housekeeping")


async def keep_house(services: Services) -> None:
    """Clean up, for ever; the first round comes soon, so that a crash loop does not postpone it for ever."""
    await asyncio.sleep(random.uniform(5, 60))  # noqa: S311 - so that the processes of one start do not march in step
    while True:
        try:
            await clean_up(services)
        except (*DATABASE_ERRORS, ServiceError) as error:
            log.warning("housekeeping_failed", reason=type(error).__name__)
        await asyncio.sleep(PERIOD_SECONDS * random.uniform(0.9, 1.1))  # noqa: S311 - as above


async def clean_up(services: Services) -> None:
    """Forget the limits that are full again, and drop the tenants whose grace is over."""
    async with services.database.system_bookkeeping() as unit:
        await services.limiter.clean(unit)
    for tenant_id in await services.lifecycle.drop_due(now()):
        log.info("tenant_dropped", tenant_id=tenant_id)
