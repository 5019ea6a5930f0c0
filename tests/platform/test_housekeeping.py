"""What is done once in a while."""

from __future__ import annotations

from datetime import timedelta

from fastapi import FastAPI
from sqlalchemy import text

from common.clock import now
from common.limits import KEPT_AFTER_FULL, Limit
from serving.services import Services
from tests.support.servers import PLATFORM_KEY
from tests.support.world import Api, TestTenant
from users.housekeeping import clean_up


async def test_a_marked_tenant_is_dropped_when_its_grace_is_over(app: FastAPI, tenant: TestTenant) -> None:
    services: Services = app.state.services
    operator = Api(tenant.anonymous._http, {"X-Platform-Key": PLATFORM_KEY})
    marked = await operator.delete(f"/platform/tenants/{tenant.name}")

    assert marked.status_code == 202
    assert await services.lifecycle.drop_due(now()) == []
    due = now() + timedelta(days=services.config.tenant_delete_grace_days, seconds=1)
    dropped = await services.lifecycle.drop_due(due)  # with it, whatever other tests have left marked

    assert tenant.name.removeprefix("tenant_") in dropped
    assert (await operator.get(f"/platform/tenants/{tenant.name}")).status_code == 404


async def test_limits_that_are_full_again_are_forgotten(app: FastAPI) -> None:
    services: Services = app.state.services
    attempt = services.limiter.attempt(Limit("test-housekeeping", 5, 60), "somebody")
    async with services.database.system_bookkeeping() as unit:
        await services.limiter.spend(unit, [attempt])
        await unit.execute(
            text("UPDATE rate_limits SET full_at = :then WHERE key = :key"),
            {"then": now() - KEPT_AFTER_FULL - timedelta(seconds=1), "key": attempt.key},
        )

    await clean_up(services)

    async with services.database.system() as unit:
        left = await unit.execute(text("SELECT count(*) FROM rate_limits WHERE key = :key"), {"key": attempt.key})
    assert left.scalar_one() == 0
