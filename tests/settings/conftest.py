"""The platform's operator, who sets what every tenant inherits."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.servers import PLATFORM_KEY
from tests.support.world import Api


@pytest.fixture
async def operator(http: httpx.AsyncClient) -> AsyncIterator[Api]:
    """Somebody with the platform's key; whatever is set for the whole system is taken away after the test."""
    api = Api(http, {"X-Platform-Key": PLATFORM_KEY})
    yield api
    for item in (await api.get("/platform/settings", params={"limit": 200})).json()["items"]:
        await api.delete(f"/platform/settings/{item['key']}")
