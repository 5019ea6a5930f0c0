"""The root: what this is, whether it lives, whether it is ready, and its metrics."""

from __future__ import annotations

import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from main import VERSION
from manage.embedded import EmbeddedValkey
from tests.support.apps import running
from tests.support.probes import watched
from tests.support.servers import Servers
from tests.support.world import API, TestTenant


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder with a name short enough for a socket in it."""
    folder = Path(tempfile.mkdtemp(prefix="ss-"))
    yield folder
    shutil.rmtree(folder)


async def test_the_root_says_what_answers_here(http: httpx.AsyncClient) -> None:
    answer = await http.get("/")

    assert answer.json() == {
        "service": "system-service",
        "version": VERSION,
        "environment": "development",
        "docs": "/docs",
    }


async def test_health_touches_nothing(app: FastAPI, http: httpx.AsyncClient) -> None:
    with watched(app) as traffic:
        answer = await http.get("/health")

    assert (answer.status_code, answer.json()["status"], traffic.checkouts) == (200, "ok", 0)


async def test_ready_is_ready(http: httpx.AsyncClient) -> None:
    answer = await http.get("/readiness")

    assert answer.status_code == 200
    assert answer.json() == {"status": "pass", "checks": dict.fromkeys(("database", "redis", "migrations"), "pass")}


@pytest.mark.promise("S3")
async def test_without_redis_the_service_warns_and_works(servers: Servers, short_folder: Path) -> None:
    url = servers.new_database()
    with EmbeddedValkey(short_folder / "valkey") as valkey:
        async with running(servers.config(url, redis_url=valkey.url)) as (_, http):
            before = (await http.get("/readiness")).json()["checks"]["redis"]
            valkey.stop()
            after = await http.get("/readiness")
            answer = await http.post(f"{API}/auth/verify-tenant", headers={"X-Tenant-ID": "nobody"})

    assert before == "pass"
    assert (after.status_code, after.json()["status"], after.json()["checks"]["redis"]) == (200, "warn", "warn")
    assert (answer.status_code, answer.json()["exists"]) == (200, False)


async def test_no_redis_by_configuration_is_no_warning(servers: Servers) -> None:
    async with running(servers.config(servers.new_database(), redis_url="none")) as (_, http):
        answer = await http.get("/readiness")

    assert answer.json()["checks"]["redis"] == "pass"


async def test_the_metrics_count_by_route_template(http: httpx.AsyncClient, alpha: TestTenant) -> None:
    counter = 'http_requests_total{method="GET",route="/api/v1/users/{user_id}",status="200"}'

    def value(text: str) -> float:
        found = re.search(re.escape(counter) + r" (\S+)", text)
        return float(found[1]) if found else 0.0

    before = value((await http.get("/metrics")).text)
    await alpha.owner.get(f"/users/{alpha.people['member'].id}")
    await http.get("/health")
    answer = await http.get("/metrics")

    assert value(answer.text) == before + 1
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert 'http_request_duration_seconds_bucket{le="0.1",method="GET",route="/health"' in answer.text


async def test_the_metrics_know_the_pool(http: httpx.AsyncClient, alpha: TestTenant) -> None:
    await alpha.owner.get("/users")

    text = (await http.get("/metrics")).text

    states = dict(re.findall(r'database_pool_connections{shard="default",state="(\w+)"} (\S+)', text))
    assert states == {"in_use": "0.0", "idle": states["idle"], "limit": "10.0"}
    assert float(states["idle"]) >= 1


async def test_the_metrics_have_no_names_of_tenants_or_people_and_no_paths(
    http: httpx.AsyncClient, alpha: TestTenant
) -> None:
    for path in ("/users", "/users/secret-looking-path", "/nowhere/else"):
        await alpha.owner.request("BREW", path)
        await alpha.owner.get(path)

    text = (await http.get("/metrics")).text

    for leaked in ("tenant_alpha", "alpha", "owner", "secret-looking", "nowhere", "BREW", alpha.people["owner"].id):
        assert leaked not in text
    assert 'method="OTHER"' in text
    assert 'route="unmatched"' in text


async def test_the_metrics_can_have_a_port_of_their_own(servers: Servers) -> None:
    changed = servers.config(servers.new_database(), host="127.0.0.1", metrics_port=free_port())
    async with running(changed) as (_, http), httpx.AsyncClient() as outside:
        here = await http.get("/metrics")
        there = await outside.get(f"http://127.0.0.1:{changed.metrics_port}/metrics")

    assert (here.status_code, there.status_code) == (404, 200)
    assert "http_requests_total" in there.text
