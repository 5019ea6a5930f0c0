"""What the outbox worker does for feature flags: the switches that were scheduled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from common.outbox.queries import Job
from serving.jobs import find_tenant_of, write_unit_of
from serving.services import Services
from settings.feature_flags.service import apply_switch
from settings.feature_flags.writing import SWITCH


async def switch_flag(services: Services, job: Job) -> None:
    """Give a flag the state that was scheduled, unless it was scheduled anew, or not at all, since then."""
    tenant = await find_tenant_of(services, job)
    if tenant is None:
        return
    async with write_unit_of(services, tenant, job) as unit:
        await apply_switch(
            unit,
            UUID(job.payload["flag_id"]),
            switch_at=datetime.fromisoformat(job.payload["switch_at"]),
            switch_to=job.payload["switch_to"],
        )


JOB_HANDLERS: Final[Mapping[str, Callable[[Services, Job], Awaitable[None]]]] = {SWITCH: switch_flag}
