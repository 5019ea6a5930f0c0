"""What is done to audit logs once a day: a checkpoint of each that has grown, and letting go of what is too old.

What is too old is counted in whole days, so a log with a retention is verified and shortened once a day too.
"""

from __future__ import annotations

import asyncio
import random
from datetime import datetime, timedelta
from typing import Final

import structlog

from common.clock import now
from common.errors import AuditChainBroken, ServiceError
from common.ids import TenantName
from common.pacing import paced
from common.postgresql.errors import DATABASE_ERRORS
from database import SYSTEM_SCHEMA, ReadUnit, SystemUnit, Tenant
from serving.services import Services
from settings.audit.checking import verify_chain
from settings.audit.proofs import chain_of, checkpoint_platform, checkpoint_tenant
from settings.audit.queries import find_newest_checkpoint, has_entries_before
from settings.declarations import RETENTION

PERIOD_SECONDS: Final = 3600
ROUND_SECONDS: Final = PERIOD_SECONDS / 2  # what a round is spread over, when there are thousands of tenants
STEPS_A_DAY: Final = 200  # of a log's removal: a million entries, or what is left waits for tomorrow

log = structlog.get_logger("housekeeping")


async def keep_house(services: Services) -> None:
    """Look after the audit logs, for ever."""
    await asyncio.sleep(random.uniform(30, 120))  # noqa: S311 - so that processes of one start do not march in step
    while True:
        try:
            await tend_audit_logs(services, now(), ROUND_SECONDS)
        except (*DATABASE_ERRORS, ServiceError) as error:
            log.warning("housekeeping_failed", reason=type(error).__name__)
        await asyncio.sleep(PERIOD_SECONDS * random.uniform(0.9, 1.1))  # noqa: S311 - as above


async def tend_audit_logs(services: Services, moment: datetime, seconds: float = 0) -> None:
    """One round over the platform's log and all tenants', one after the other, spread over so many seconds; unless
    another process is at it."""
    async with services.audit_keeper.turn("audit logs") as is_ours:
        if not is_ours:
            return
        await _tend_platform_log(services, moment)
        async for name in paced(await services.audit_keeper.list_tenants(), seconds):
            try:
                await tend_audit_log(services, name, moment)
            except AuditChainBroken:
                log.error("audit_chain_broken", tenant=name.schema)
            except (*DATABASE_ERRORS, ServiceError) as error:
                log.warning("audit_log_not_tended", tenant=name.schema, reason=type(error).__name__)


async def _tend_platform_log(services: Services, moment: datetime) -> None:
    try:
        if not await _has_checkpoint(services, services.database.system(), moment):
            await checkpoint_platform(services)
    except AuditChainBroken:
        log.error("audit_chain_broken", tenant=SYSTEM_SCHEMA)


async def tend_audit_log(services: Services, name: TenantName, moment: datetime) -> None:
    """Do for one tenant what is due. Raises AuditChainBroken, and then nothing of the log is removed."""
    tenant = await services.find_tenant(name)
    if tenant is None or tenant.revision != services.expected_revision:
        return
    if not await _has_checkpoint(services, services.database.read(tenant), moment):
        await checkpoint_tenant(services, tenant)
        await services.audit_keeper.renew_tombstone(tenant)
    days = (await services.find_settings(tenant))[RETENTION]
    if days:
        await _expire(services, tenant, _begin_of_day(moment) - timedelta(days=days))


async def _has_checkpoint(services: Services, opened: ReadUnit | SystemUnit, moment: datetime) -> bool:
    """Whether the log has a checkpoint of that day and of the current key."""
    async with opened as unit:
        newest = await find_newest_checkpoint(unit, services.audit_seals.key_id)
    return newest is not None and newest.taken_at >= _begin_of_day(moment)


def _begin_of_day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


async def _expire(services: Services, tenant: Tenant, before: datetime) -> None:
    """Remove what is too old, step by step; nothing of a log that is not whole, however little of it is to go."""
    async with services.database.read(tenant) as unit:
        if not await has_entries_before(unit, before):
            return
    if not (await verify_chain(chain_of(services, tenant))).ok:
        raise AuditChainBroken
    await checkpoint_tenant(services, tenant)
    removed = 0
    for _ in range(STEPS_A_DAY):
        count = await services.audit_keeper.expire(tenant, before)
        if not count:
            break
        removed += count
    log.info("audit_entries_expired", tenant=tenant.name.schema, entries=removed)
