"""Settings of one tenant beside another that has none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.support.servers import PLATFORM_KEY
from tests.support.world import Api, TestTenant

Obey = Callable[..., Awaitable[None]]


@pytest.fixture
def obey(tenant: TestTenant) -> Obey:
    """Have the test's own tenant set a key."""

    async def put(key: str, value: Any) -> None:
        answer = await tenant.owner.put(f"/settings/{key}", json={"value": value})
        assert answer.status_code == 200, answer.text

    return put


@pytest.fixture
async def above(http: httpx.AsyncClient) -> AsyncIterator[Obey]:
    """Have the platform set a key for all tenants, until the end of the test."""
    operator, keys = Api(http, {"X-Platform-Key": PLATFORM_KEY}), []

    async def put(key: str, value: Any) -> None:
        keys.append(key)
        answer = await operator.put(f"/platform/settings/{key}", json={"value": value})
        assert answer.status_code == 200, answer.text

    yield put
    for key in keys:
        assert (await operator.delete(f"/platform/settings/{key}")).status_code == 204
