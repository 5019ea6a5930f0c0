"""A prepared database without tenants, for each module."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from common.config import Config
from migrations.bootstrap import prepare_database
from tests.migrations.catalogue import SCHEMA
from tests.support.apps import connect
from tests.support.clusters import make_tenant
from tests.support.servers import Servers


@pytest.fixture(scope="module")
async def empty(servers: Servers) -> Config:
    """Its configuration."""
    config = servers.config(servers.new_database())
    await prepare_database(config)
    return config


@pytest.fixture(scope="module")
async def owner(empty: Config) -> AsyncIterator[asyncpg.Connection]:
    """The owner's connection to a database with one tenant."""
    await make_tenant(empty, SCHEMA)
    async with connect(empty.owner_url) as connection:
        yield connection
