"""Verification and checkpoints as somebody orders them."""

from __future__ import annotations

import asyncio
from typing import Final

from common.errors import Overloaded
from database import SYSTEM_SCHEMA, Tenant
from serving.services import Services
from serving.visit import Visit
from settings.audit.checking import Chain, verify_chain
from settings.audit.schemas import Checkpoint, Verification
from settings.audit.service import take_checkpoint

WAIT_SECONDS: Final = 10.0  # in line for one's turn; then 503
# Verification keeps one of the database's processors busy: one at a time in each of the service's processes.
_turn = asyncio.Semaphore(1)


async def verify_log(visit: Visit) -> Verification:
    """Verify the visited tenant's log. Raises Overloaded when others are being verified for long."""
    assert visit.tenant is not None
    return await _verify(chain_of(visit.services, visit.tenant))


async def verify_platform_log(visit: Visit) -> Verification:
    """Verify the platform's own log, in its turn like others."""
    return await _verify(platform_chain(visit.services))


async def _verify(chain: Chain) -> Verification:
    try:
        await asyncio.wait_for(_turn.acquire(), WAIT_SECONDS)
    except TimeoutError:
        raise Overloaded("Other logs are being verified. Try again.") from None
    try:
        return await verify_chain(chain)
    finally:
        _turn.release()


async def checkpoint_now(visit: Visit) -> Checkpoint:
    """A checkpoint of the visited tenant's log. Raises AuditChainBroken."""
    assert visit.tenant is not None
    return await checkpoint_tenant(visit.services, visit.tenant)


async def checkpoint_tenant(services: Services, tenant: Tenant) -> Checkpoint:
    """The same of any tenant's."""
    async with services.database.bookkeeping(tenant) as unit:
        return await take_checkpoint(unit, services.audit_seals, tenant.name.schema)


async def checkpoint_platform(services: Services) -> Checkpoint:
    """The same of the platform's own log."""
    async with services.database.system_bookkeeping() as unit:
        return await take_checkpoint(unit, services.audit_seals, SYSTEM_SCHEMA)


def platform_chain(services: Services) -> Chain:
    """The platform's own log, to verify. Nothing of it is ever removed."""
    return Chain(SYSTEM_SCHEMA, services.database.system, services.audit_seals, more=("tenant_id",), expires=False)


def chain_of(services: Services, tenant: Tenant) -> Chain:
    """A tenant's log, to verify."""
    return Chain(tenant.name.schema, lambda: services.database.read(tenant), services.audit_seals)
