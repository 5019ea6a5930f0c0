"""Applications and connections beside the shared ones, for tests that need a configuration of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import httpx
from fastapi import FastAPI

import main
from common.config import Config
from common.ids import TenantName
from database import Tenant
from serving.services import Services
from tests.support.wire import Wire
from tests.support.world import client_of


@dataclass(frozen=True, slots=True)
class Wired:
    """An application whose pool goes through a wire; the owner's connections do not."""

    app: FastAPI
    http: httpx.AsyncClient
    wire: Wire


@asynccontextmanager
async def running(config: Config) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    """A started application of this configuration, and a client of it."""
    app = main.create_app(config)
    async with app.router.lifespan_context(app), client_of(app) as http:
        yield app, http


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A plain connection, past everything of ours. SQLAlchemy's form of a URL will do."""
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg://", "postgresql://", 1))
    try:
        yield connection
    finally:
        await connection.close()


def services_of(app: FastAPI) -> Services:
    """What the application's requests may need."""
    services: Services = app.state.services
    return services


async def registered(app: FastAPI, name: str) -> Tenant:
    """A tenant of the registry, as units want it."""
    parsed = TenantName.parse(name)
    assert parsed is not None
    tenant = await services_of(app).find_tenant(parsed)
    assert tenant is not None
    return tenant
