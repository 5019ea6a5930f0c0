"""Redis as a group of servers, one of which fails: no request does, and nothing kept before is believed after."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Final

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from common.cache.redis import RedisCopy
from common.config import Config
from tests.cache.groups import Group, Server, cluster_group, sentinel_group
from tests.cache.race import WITHIN
from tests.cache.workers import Pair, Worker, pair_of
from tests.support.servers import Servers
from tests.support.waiting import until
from tests.support.world import Api, TestTenant

KINDS: Final = {"sentinel": sentinel_group, "cluster": cluster_group}
FIELDS: Final = 40  # keys, so that some lie with every master of a Cluster


@pytest.fixture(params=KINDS)
async def group(request: pytest.FixtureRequest) -> AsyncIterator[Group]:
    """Servers of a test's own."""
    kind: Callable[[], AbstractAsyncContextManager[Group]] = KINDS[request.param]
    async with kind() as started:
        yield started


@pytest.fixture
async def pair(servers: Servers, config: Config, app: FastAPI, group: Group) -> AsyncIterator[Pair]:
    """Two workers that share what the group keeps."""
    del app  # it prepared the database
    own = servers.config(config.database_url.get_secret_value(), redis_url=group.url)
    async with pair_of(own, own) as started:
        yield started


async def test_what_was_kept_before_a_fail_over_is_not_believed_after_it(group: Group) -> None:
    copy = RedisCopy(group.url, CollectorRegistry())

    async def has_all() -> bool:
        for number in range(FIELDS):
            if not await copy.put(f"bucket/{number}", "field", b"new", 60):
                return False
        return [await copy.get(f"bucket/{number}", "field") for number in range(FIELDS)] == [b"new"] * FIELDS

    for number in range(FIELDS):
        assert await copy.put(f"bucket/{number}", "field", b"old", 60)
        assert await copy.get(f"bucket/{number}", "field") == b"old"

    await group.fail_over()

    read = [await copy.get(f"bucket/{number}", "field") for number in range(FIELDS)]
    assert read.count(None) >= FIELDS / 5, "those of the master that failed are gone"
    await until(has_all)
    await copy.close()


async def test_what_a_server_brings_back_from_its_disk_is_not_believed(tmp_path: Path) -> None:
    server = Server(tmp_path, "--appendonly", "yes", "--appendfsync", "always")
    await server.until_it_answers()
    copy = RedisCopy(f"redis://127.0.0.1:{server.port}/0", CollectorRegistry())
    assert await copy.put("bucket", "field", b"old", 60)

    server.kill()
    server.start()
    await server.until_it_answers()

    async with server.client() as client:
        assert await client.hget("bucket", "field")
    assert await copy.get("bucket", "field") is None
    await copy.close()
    server.kill()


async def until_more(answers: list[httpx.Response]) -> None:
    """Wait for some rounds."""
    enough = len(answers) + FIELDS

    async def has_more() -> bool:
        return len(answers) >= enough

    await until(has_more)


async def shares(worker: Worker) -> bool:
    """Whether what a worker reads is kept for the other."""
    return await worker.do(worker.services.caches.redis.answers()) and worker.services.caches.is_sharing


@pytest.mark.promise("I2", "S3")
async def test_no_request_fails_while_a_master_does(
    pair: Pair, group: Group, alpha: TestTenant, beta: TestTenant
) -> None:
    """Settings are changed in one worker and read in the other; what is read is never older than a second."""
    over = asyncio.Event()
    answers: list[httpx.Response] = []
    tenants = (alpha, beta)
    for tenant in tenants:
        created = await Api(pair.here.http, tenant.owner.headers).post(
            "/settings", json={"key": "group.round", "value": 0, "value_type": "integer"}
        )
        assert created.status_code == 201

    async def change_and_read() -> None:
        number = 0
        while not over.is_set():
            number += 1
            for tenant in tenants:
                here, there = (Api(worker.http, tenant.owner.headers) for worker in pair.both)
                answers.append(await here.patch("/settings/group.round", json={"value": number}))
                changed = time.monotonic()
                while True:
                    asked = time.monotonic()
                    answers.append(read := await pair.there.do(there.get("/settings/group.round")))
                    if read.json()["value"] == number:
                        break
                    assert asked - changed < WITHIN, "older than a second"
                answers.append(await pair.there.do(there.get("/auth/me")))

    running = asyncio.ensure_future(change_and_read())
    try:
        await until_more(answers)
        await group.fail_over()
        await until_more(answers)
        for worker in pair.both:
            await until(partial(shares, worker))
        await until_more(answers)
    finally:
        over.set()
        await running
        for tenant in tenants:
            await tenant.owner.delete("/settings/group.round")

    assert {answer.status_code for answer in answers} == {200}
