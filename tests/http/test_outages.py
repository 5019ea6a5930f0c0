"""The database away, late, restarted, or busy: requests fail soon and say when to come back, and nobody restarts us."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from manage.embedded import EmbeddedPostgres
from tests.support.apps import running, services_of
from tests.support.problems import problem_of
from tests.support.servers import FAST, PLATFORM_KEY, Servers
from tests.support.world import API, PASSWORD, TestTenant, create_tenant

LOGIN = f"{API}/auth/login"
BODY = {"username": "owner", "password": PASSWORD}


@pytest.fixture(scope="module")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A server that these tests may start and stop."""
    folder = Path(tempfile.mkdtemp(prefix="ss-"))
    folder.chmod(0o755)
    server = EmbeddedPostgres(folder / "pg", settings=FAST).start()
    yield server
    server.stop()
    shutil.rmtree(folder)


async def until(http: httpx.AsyncClient, path: str, status: int) -> httpx.Response:
    """Ask until the answer has this status, for at most ten seconds."""
    deadline = time.monotonic() + 10
    answer = await http.get(path)
    while answer.status_code != status and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
        answer = await http.get(path)
    return answer


@pytest.mark.promise("S2")
async def test_a_database_that_is_late_is_waited_for(servers: Servers, postgres: EmbeddedPostgres) -> None:
    config = servers.config(postgres.url("late"), database_connect_timeout=0.5)
    postgres.stop()
    async with running(config) as (_, http):
        health, readiness = await http.get("/health"), await http.get("/readiness")
        login = await http.post(LOGIN, json=BODY, headers={"X-Tenant-ID": "acme"})
        created = await http.post(
            f"{API}/auth/initialize-tenant",
            headers={"X-Tenant-ID": "acme", "X-Platform-Key": PLATFORM_KEY},
            json={"name": "Acme", "admin": {**BODY, "email": "a@acme.example"}},
        )

        assert health.status_code == 200
        assert (readiness.status_code, readiness.json()["status"]) == (503, "fail")
        assert readiness.headers["Retry-After"]
        problem_of(login, 503, "database_unavailable")
        problem_of(created, 503, "database_unavailable")

        postgres.start()  # the server is there, the database still missing
        problem_of(await http.post(LOGIN, json=BODY, headers={"X-Tenant-ID": "acme"}), 503, "database_unavailable")
        postgres.create_database("late")
        assert (await until(http, "/readiness", 200)).json()["status"] == "pass"
        await create_tenant(http)


@pytest.fixture(scope="module")
async def restartable(servers: Servers, postgres: EmbeddedPostgres) -> AsyncIterator[tuple[FastAPI, TestTenant]]:
    """An application, with one signed-in owner, on a server that the test may stop."""
    async with AsyncExitStack() as stack:
        postgres.start()
        postgres.create_database("service")
        config = servers.config(postgres.url("service"), database_connect_timeout=1)
        app, http = await stack.enter_async_context(running(config))
        tenant = await create_tenant(http)
        yield app, tenant


@pytest.mark.promise("S2")
async def test_after_a_restart_of_the_database_the_next_requests_succeed(
    restartable: tuple[FastAPI, TestTenant], postgres: EmbeddedPostgres
) -> None:
    """Reading, writing and logging in: whichever of them meets the dead connections of the pool."""
    app, tenant = restartable
    requests: tuple[Callable[[], Awaitable[httpx.Response]], ...] = (
        lambda: tenant.owner.get("/users"),
        lambda: tenant.owner.post("/users", json={"email": "new@twin.example", "username": "new"}),
        lambda: tenant.anonymous.post("/auth/login", json=BODY),
    )

    for request in requests:
        await asyncio.gather(*(tenant.owner.get("/users") for _ in range(3)))
        assert services_of(app).database.pool_state()["idle"] >= 2
        postgres.stop()
        postgres.start()
        services_of(app).caches.stop_listening()  # nobody is cached: the guard meets a dead connection as well
        answer = await request()
        assert answer.status_code in {200, 201}, answer.text


@pytest.mark.promise("S2")
async def test_while_the_database_is_away_every_answer_says_so(
    restartable: tuple[FastAPI, TestTenant], postgres: EmbeddedPostgres
) -> None:
    app, tenant = restartable
    postgres.stop()

    for answer in (
        await tenant.owner.get("/users"),
        await tenant.owner.post("/users", json={"email": "n@twin.example", "username": "new"}),
        await tenant.anonymous.post("/auth/login", json=BODY),
        await tenant.anonymous.post("/auth/verify-tenant"),
    ):
        problem_of(answer, 503, "database_unavailable")
    assert services_of(app).database.pool_state()["in_use"] == 0

    postgres.start()
    assert (await tenant.owner.get("/users")).status_code == 200


@pytest.mark.promise("S4")
async def test_with_every_connection_taken_requests_end_within_the_pool_s_timeout(servers: Servers) -> None:
    config = servers.config(servers.new_database(), database_pool_size=2, database_pool_timeout=0.2)
    async with running(config) as (app, http), AsyncExitStack() as stack:
        tenant = await create_tenant(http)
        engine = services_of(app).database.server.engine
        for _ in range(2):
            await stack.enter_async_context(engine.connect())

        busy = await asyncio.gather(*(tenant.owner.get("/users") for _ in range(5)))
        bad = await tenant.owner.get("/users", headers={"Authorization": "Bearer bad"})
        readiness, health = await http.get("/readiness"), await http.get("/health")

        for answer in busy:
            problem_of(answer, 503, "overloaded")
        problem_of(bad, 401, "unauthenticated")
        assert (readiness.status_code, health.status_code) == (503, 200)
        await stack.aclose()
        assert (await tenant.owner.get("/users")).status_code == 200
