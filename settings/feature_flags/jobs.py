"""What the outbox worker does for feature flags: the switches that were scheduled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from common.audit import Actor, Origin
from common.ids import TenantName
from common.outbox.queries import Job
from serving.services import Services
from settings.feature_flags.service import apply_switch
from settings.feature_flags.writing import SWITCH

SYSTEM: Final = Actor("system")


async def switch_flag(services: Services, job: Job) -> None:
    """Give a flag the state that was scheduled, unless it was scheduled anew, or not at all, since then."""
    name = TenantName.parse(job.tenant_id)
    tenant = await services.find_tenant(name) if name else None
    if tenant is None:
        return
    async with services.database.write(tenant, actor=SYSTEM, origin=Origin(request_id=str(job.id))) as unit:
        await apply_switch(
            unit,
            UUID(job.payload["flag_id"]),
            switch_at=datetime.fromisoformat(job.payload["switch_at"]),
            switch_to=job.payload["switch_to"],
        )


JOB_HANDLERS: Final[Mapping[str, Callable[[Services, Job], Awaitable[None]]]] = {SWITCH: switch_flag}
