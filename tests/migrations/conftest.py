"""A prepared database without tenants, for each module."""

from __future__ import annotations

import pytest

from common.config import Config
from migrations.bootstrap import prepare_database
from tests.support.servers import Servers


@pytest.fixture(scope="module")
async def empty(servers: Servers) -> Config:
    """Its configuration."""
    config = servers.config(servers.new_database())
    await prepare_database(config)
    return config
