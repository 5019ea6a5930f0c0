"""PgBouncer in transaction mode between applications and PostgreSQL: one that knows prepared statements, and the oldest
installed with an application that does without."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI

from common.config import Config
from tests.database.conftest import nothing_is_left
from tests.database.narrow import Narrow
from tests.support.apps import Wired, registered, running
from tests.support.bouncers import PgBouncer, behind, bouncer_for, installed_bouncers
from tests.support.servers import Servers
from tests.support.wire import Wire, wire_to
from tests.support.world import TestTenant

__all__ = ["nothing_is_left"]

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Bounced:
    """A running PgBouncer on the shared database, and whether statements may stay prepared behind it."""

    server: PgBouncer
    prepared: bool
    database_url: str

    def config(self, servers: Servers, url: str, **changes: Any) -> Config:
        """The configuration of a service whose requests go through it."""
        return behind(servers, url, self.database_url, prepared=self.prepared, **changes)

    def another(self, servers: Servers, **settings: str) -> PgBouncer:
        """One of the same kind beside it, with other settings, not yet started."""
        folder = servers.data.with_name(f"{self.server.data_dir.name}-{next(_numbers)}")
        return bouncer_for(servers, folder, self.server.program, self.database_url, **settings)


@pytest.fixture(scope="session", params=["prepared", "unprepared"])
def bounced(request: pytest.FixtureRequest, servers: Servers, config: Config, app: FastAPI) -> Iterator[Bounced]:
    """Fewer server connections than clients: one, so that whoever comes next gets the one that was just used."""
    del app  # it prepared the database: PgBouncer waits 15 s after PostgreSQL has refused a login
    prepared = request.param == "prepared"
    suitable = [program for program in installed_bouncers() if program.prepares or not prepared]
    if not suitable:
        missing = f"no PgBouncer for statements that are {request.param}: tests/pgbouncer/install installs it"
        (pytest.fail if os.environ.get("PGBOUNCER_REQUIRED") else pytest.skip)(missing)
    database_url = config.database_url.get_secret_value()
    folder = servers.data.with_name(f"pgbouncer-{request.param}")
    with bouncer_for(servers, folder, suitable[0], database_url, default_pool_size="1") as server:
        yield Bounced(server, prepared, database_url)


@asynccontextmanager
async def _on_a_wire(bounced: Bounced, servers: Servers, size: int) -> AsyncIterator[tuple[FastAPI, Any, Wire]]:
    async with wire_to(bounced.server.socket_url) as wire:
        config = bounced.config(servers, wire.url, database_pool_size=size)
        async with running(config) as (app, http):
            yield app, http, wire


@pytest.fixture(scope="session")
async def narrow(bounced: Bounced, servers: Servers, alpha: TestTenant, beta: TestTenant) -> AsyncIterator[Narrow]:
    """An application with a pool of one, by way of PgBouncer."""
    async with _on_a_wire(bounced, servers, 1) as (narrow_app, http, wire):
        tenants = (await registered(narrow_app, alpha.name), await registered(narrow_app, beta.name))
        yield Narrow(narrow_app, http, wire, bounced.database_url, tenants, (alpha, beta))


@pytest.fixture(scope="session")
async def wired(bounced: Bounced, servers: Servers) -> AsyncIterator[Wired]:
    """An application with a pool of the usual size, by way of PgBouncer: the wire is in front of it."""
    async with _on_a_wire(bounced, servers, 10) as (wired_app, http, wire):
        yield Wired(wired_app, http, wire)
