"""The stream of changes: promptness, isolation, secrets in addresses, an end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI

from common.config import Config
from common.ids import TenantName
from settings.ofrep.channels import FlagChannels
from settings.ofrep.tokens import WINDOW, StreamTokens, expiry
from tests.ofrep.service import listen, make_flag, stream_address, toggle
from tests.support.apps import Wired, running, services_of
from tests.support.listening import listening
from tests.support.servers import PLATFORM_KEY, SECRET, Servers
from tests.support.world import Api, TestTenant, create_tenant

STREAM = "/ofrep/v1/stream"


def name_of(tenant: TestTenant) -> TenantName:
    """The tenant's name as a token has it."""
    name = TenantName.parse(tenant.name)
    assert name is not None
    return name


def channels_of(app: FastAPI) -> FlagChannels:
    """Who listens."""
    found = services_of(app).flag_channels
    assert isinstance(found, FlagChannels)
    return found


async def until_nobody_listens(app: FastAPI) -> None:
    """A client that leaves is noticed a moment later."""
    async with asyncio.timeout(5):
        while channels_of(app).listeners:  # noqa: ASYNC110 - a count, and nobody tells of it
            await asyncio.sleep(0.01)


async def refused(wire: httpx.AsyncClient, address: str, status: int, **headers: str) -> None:
    """The address is no good."""
    answer = await wire.get(address, headers=headers)
    assert (answer.status_code, answer.json()["errorCode"]) == (status, "GENERAL"), answer.text
    assert "token" not in answer.text


async def test_a_change_is_told_to_those_who_listen(
    wire: httpx.AsyncClient, app: FastAPI, tenant: TestTenant, wired: Wired
) -> None:
    """One made in this process, and one made in another."""
    elsewhere = Api(wired.http, tenant.owner.headers)
    made = await make_flag(tenant.owner, "switch")
    async with listen(wire, await stream_address(tenant.owner)) as first:
        async with listen(wire, await stream_address(tenant.owner)) as second:
            assert first.answer.headers["content-type"].startswith("text/event-stream")
            for version, api in ((2, tenant.owner), (3, elsewhere)):
                await toggle(api, "switch")
                async with asyncio.timeout(1):
                    events = [await listener.event() for listener in (first, second)]
                told = {"id": f"{version}", "data": {"type": "refetchEvaluation", "etag": f'"v{version}"'}}
                assert events == [told, told]
            assert first.retry != 0
        await tenant.owner.delete(f"/settings/feature-flags/{made['key']}")
        assert (await first.event())["id"] == "4"
    await until_nobody_listens(app)


async def test_nothing_is_missed_between_two_streams(wire: httpx.AsyncClient, tenant: TestTenant) -> None:
    """Between the flags and the stream, or between a cut and the return, the client's version says what it knows."""
    await make_flag(tenant.owner, "switch")
    address = await stream_address(tenant.owner)
    await toggle(tenant.owner, "switch")

    async with listen(wire, address) as late:
        assert (await late.event())["id"] == "2"
    await toggle(tenant.owner, "switch")
    async with listen(wire, address, **{"Last-Event-ID": "2"}) as back:
        assert (await back.event())["id"] == "3"
    async with listen(wire, address, **{"Last-Event-ID": "3"}) as informed:
        await toggle(tenant.owner, "switch")
        assert (await informed.event())["id"] == "4"


@pytest.mark.promise("T1")
async def test_a_stream_tells_of_its_own_tenant_only(
    wire: httpx.AsyncClient, tenant: TestTenant, http: httpx.AsyncClient
) -> None:
    other = await create_tenant(http)
    for one in (tenant, other):
        await make_flag(one.owner, "switch")
    async with listen(wire, await stream_address(tenant.owner)) as here:
        for _ in range(3):
            await toggle(other.owner, "switch")
        await toggle(tenant.owner, "switch")

        assert (await here.event())["id"] == "2"  # the other's would have come first, and said 4


@pytest.mark.promise("T1")
async def test_only_the_address_that_was_given_out_is_good(
    wire: httpx.AsyncClient, alpha: TestTenant, beta: TestTenant
) -> None:
    now, tokens = time.time(), StreamTokens(SECRET)
    good = tokens.issue(name_of(alpha), now)
    expires = expiry(name_of(alpha), now)
    stranger = StreamTokens("a secret of somebody else, long enough").issue(name_of(alpha), now)
    late = tokens.issue(name_of(alpha), now - 2 * WINDOW)
    assert parse_qs(urlsplit(await stream_address(alpha.owner)).query)["token"] == [good]
    forged = (
        "", ".", "..", "x", "é.1.x", stranger, late, good[:-1], good + "A", good.replace(".", ".0", 1), good + "=",
        good.replace(alpha.name.removeprefix("tenant_"), beta.name.removeprefix("tenant_")),
        good.replace(str(expires), str(expires + WINDOW)),
        alpha.people["owner"].tokens["access_token"],
    )  # fmt: skip
    for token in forged:
        await refused(wire, str(httpx.URL(STREAM, params={"token": token})), 401)
    await refused(wire, STREAM, 401, **alpha.owner.headers)
    await refused(wire, f"{STREAM}?token={good}&token={good}", 401)
    await refused(wire, f"{STREAM}?token={good}&more=1", 400)
    await refused(wire, f"{STREAM}?token={good}&since=-1", 400)
    await refused(wire, f"{STREAM}?token={good}", 403, **{"X-Tenant-ID": beta.name})
    async with listen(wire, f"{STREAM}?token={good}", **{"X-Tenant-ID": alpha.name}) as agreeing:
        assert agreeing.answer.headers["cache-control"] == "no-store"


def test_addresses_last_one_to_two_hours_and_stay_the_same_meanwhile() -> None:
    name, tokens = TenantName.parse("acme"), StreamTokens(SECRET)
    assert name is not None
    lives = {expiry(name, moment) - moment for moment in range(0, 3 * WINDOW, 7)}
    assert (min(lives) > WINDOW, max(lives) <= 2 * WINDOW) == (True, True)
    assert len({tokens.issue(name, moment) for moment in range(0, WINDOW, 7)}) == 2
    last = tokens.issue(name, 0)
    assert tokens.verify(last, expiry(name, 0) - 1).tenant == name
    rotated = StreamTokens("the secret that came after, long enough", SECRET)
    assert rotated.verify(last, 0).tenant == name


async def test_a_stream_ends_with_its_tenant(
    wire: httpx.AsyncClient, app: FastAPI, http: httpx.AsyncClient, tenant: TestTenant
) -> None:
    address = await stream_address(tenant.owner)
    async with listen(wire, address) as listener:
        platform = Api(http, {"X-Platform-Key": PLATFORM_KEY})
        path = f"/platform/tenants/{tenant.name.removeprefix('tenant_')}"
        assert (await platform.patch(path, json={"status": "suspended"})).status_code == 200
        async with asyncio.timeout(5):
            assert await listener.ended()
    await refused(wire, address, 403)
    await until_nobody_listens(app)


async def test_who_waits_holds_no_connection_to_the_database(
    wire: httpx.AsyncClient, app: FastAPI, tenant: TestTenant
) -> None:
    await make_flag(tenant.owner, "switch")
    address = await stream_address(tenant.owner)
    async with AsyncExitStack() as stack:
        listeners = [await stack.enter_async_context(listen(wire, address)) for _ in range(50)]
        await toggle(tenant.owner, "switch")
        events = await asyncio.gather(*(listener.event() for listener in listeners))

        assert {event["id"] for event in events} == {"2"}
        async with asyncio.timeout(5):  # the channel may just be looking, once for all of them
            while services_of(app).database.pool_state()["in_use"]:  # noqa: ASYNC110 - a count, and nobody tells of it
                await asyncio.sleep(0.01)
        assert channels_of(app).listeners == 50
    await until_nobody_listens(app)


@pytest.fixture
async def narrow(servers: Servers, config: Config, app: FastAPI) -> AsyncIterator[tuple[FastAPI, str]]:
    """Another application for the same tenants, with room for three listeners, two of a tenant."""
    url = config.database_url.get_secret_value()
    few = servers.config(url, flag_streams=3, flag_streams_per_tenant=2)
    async with running(few) as (made, _), listening(made) as address:
        yield made, address


async def test_there_is_room_for_so_many(
    narrow: tuple[FastAPI, str], alpha: TestTenant, beta: TestTenant, tenant: TestTenant
) -> None:
    """Of a tenant and in all. When the process stops, nobody has to wait for those who listen."""
    app, base = narrow
    addresses = [await stream_address(one.owner) for one in (alpha, beta, tenant)]
    async with httpx.AsyncClient(base_url=base) as wire, AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(listen(wire, addresses[0]))
        full = await wire.get(addresses[0])
        assert (full.status_code, full.json()["errorCode"]) == (429, "GENERAL")
        assert int(full.headers["retry-after"]) > 0
        last = await stack.enter_async_context(listen(wire, addresses[1]))
        crowded = await wire.get(addresses[2])
        assert (crowded.status_code, crowded.json()["errorCode"]) == (503, "GENERAL")
        assert int(crowded.headers["retry-after"]) > 0

        channels_of(app).close()

        assert await last.ended()
        assert (await wire.get(addresses[1])).status_code == 503
    await until_nobody_listens(app)
