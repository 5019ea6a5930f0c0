"""A process of its own: it hears what others change, tells its log no secret, and stops although somebody listens."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from common.config import Config
from tests.ofrep.service import listen, make_flag, stream_address, toggle
from tests.support.process import running_service
from tests.support.servers import SECRET
from tests.support.world import TestTenant


@pytest.mark.promise("S5")
async def test_it_hears_and_stops(config: Config, tenant: TestTenant, tmp_path: Path) -> None:
    environment = {"DATABASE_URL": config.owner_url, "REDIS_URL": "none", "SECRET_KEY": SECRET}
    await make_flag(tenant.owner, "switch")
    address = await stream_address(tenant.owner)
    async with AsyncExitStack() as clients, asyncio.timeout(60):
        async with running_service(tmp_path, environment) as (_, log):
            transport = httpx.AsyncHTTPTransport(uds=str(tmp_path / "http.sock"))
            wire = await clients.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://a.test"))
            listener = await clients.enter_async_context(listen(wire, address))
            await toggle(tenant.owner, "switch")
            async with asyncio.timeout(1):
                assert (await listener.event())["id"] == "2"
        # SIGTERM was sent; the server waits for whoever is connected, as long as it takes.
        assert await listener.ended()

    printed = log.read_text()
    assert "/ofrep/v1/stream" in printed
    assert parse_qs(urlsplit(address).query)["token"][0] not in printed
