"""What the tools do for each tenant once in a while, in one process: nothing breaks when it is late or done twice."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime
from typing import Final

import structlog

from common.clock import now
from common.errors import ServiceError
from common.ids import TenantName
from common.pacing import paced
from common.postgresql.errors import DATABASE_ERRORS
from serving.services import Services
from tools.endpoints import HOUSEKEEPERS

PERIOD_SECONDS: Final = 3600
ROUND_SECONDS: Final = PERIOD_SECONDS / 2  # what a round is spread over, when there are thousands of tenants

log = structlog.get_logger("housekeeping")


async def keep_house(services: Services) -> None:
    """Clean up, for ever."""
    await asyncio.sleep(random.uniform(60, 180))  # noqa: S311 - so that processes of one start do not march in step
    while True:
        try:
            await clean_up(services, now(), ROUND_SECONDS)
        except (*DATABASE_ERRORS, ServiceError) as error:
            log.warning("housekeeping_failed", reason=type(error).__name__)
        await asyncio.sleep(PERIOD_SECONDS * random.uniform(0.9, 1.1))  # noqa: S311 - as above


async def clean_up(services: Services, moment: datetime, seconds: float = 0) -> None:
    """One round over all tenants, one after the other, spread over so many seconds; unless another process is at it."""
    async with services.audit_keeper.turn("tools") as is_ours:
        if not is_ours:
            return
        async for name in paced(await services.audit_keeper.list_tenants(), seconds):
            try:
                await _tend(services, name, moment)
            except (*DATABASE_ERRORS, ServiceError) as error:
                log.warning("tenant_not_tended", tenant=name.schema, reason=type(error).__name__)


async def _tend(services: Services, name: TenantName, moment: datetime) -> None:
    tenant = await services.find_tenant(name)
    if tenant is None or tenant.status != "active":
        return
    for tend in HOUSEKEEPERS:
        await tend(services, tenant, moment)
