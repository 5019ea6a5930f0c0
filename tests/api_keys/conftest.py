"""Keys to try doors with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.support.world import Api, TestTenant

MakeKey = Callable[..., Awaitable[dict[str, Any]]]


async def make_key(owner: Api, *permissions: str, **fields: Any) -> dict[str, Any]:
    """A new key of whoever the client is signed in as."""
    body = {"name": "a key of the tests", "permissions": permissions or ["users:read"], **fields}
    answer = await owner.post("/users/api-keys", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def with_key(http: httpx.AsyncClient, tenant: TestTenant, key: str) -> Api:
    """A client that sends an API key."""
    return Api(http, {"X-Tenant-ID": tenant.name, "X-API-Key": key})


@pytest.fixture(params=["alpha", "beta"])
def home(request: pytest.FixtureRequest, alpha: TestTenant, beta: TestTenant) -> TestTenant:
    """One twin, then the other."""
    return alpha if request.param == "alpha" else beta


@pytest.fixture
def neighbour(home: TestTenant, alpha: TestTenant, beta: TestTenant) -> TestTenant:
    """The other twin."""
    return beta if home is alpha else alpha
