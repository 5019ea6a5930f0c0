"""An application whose traces a collector receives, and its twin tenants."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from common.config import Config
from tests.support.apps import running
from tests.support.collector import SOON, Collector, Seen
from tests.support.servers import Servers
from tests.support.world import Api, TestTenant, create_twin


@dataclass(frozen=True, slots=True)
class Traced:
    """The application, and who receives its traces."""

    app: FastAPI
    http: httpx.AsyncClient
    collector: Collector
    config: Config
    twins: dict[str, TestTenant]

    async def ask(self, api: Api, method: str, path: str, **options: Any) -> tuple[httpx.Response, list[Seen]]:
        """Send a request as part of a trace that began elsewhere; answers it and the trace's spans from here."""
        trace_id, parent = secrets.token_hex(16), secrets.token_hex(8)
        headers = {**options.pop("headers", {}), "traceparent": f"00-{trace_id}-{parent}-01"}
        answer = await api.request(method, path, headers=headers, **options)
        return answer, await self.collector.trace(trace_id, parent)


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """One that answers."""
    with Collector().running() as started:
        yield started


@asynccontextmanager
async def tracing_app(
    servers: Servers, endpoint: str, environment: dict[str, str], **changes: Any
) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient, Config]]:
    """A started application that sends its traces there; ``environment`` is what the SDK reads."""
    config = servers.config(servers.new_database(), otel_exporter_otlp_endpoint=endpoint, **changes)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        async with running(config) as (app, http):
            yield app, http, config


@pytest.fixture(scope="session")
async def traced(servers: Servers, collector: Collector) -> AsyncIterator[Traced]:
    """The application of most of these tests."""
    async with tracing_app(servers, collector.address, SOON) as (app, http, config):
        twins = {name: await create_twin(http, f"tenant_{name}") for name in ("alpha", "beta")}
        yield Traced(app, http, collector, config, twins)


@pytest.fixture(params=["alpha", "beta"])
def twin(request: pytest.FixtureRequest, traced: Traced) -> TestTenant:
    """One twin, then the other."""
    return traced.twins[request.param]
