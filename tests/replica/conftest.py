"""The stage of this folder's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.replica.standby import PATIENCE, Stage, staged
from tests.support.servers import Servers
from tests.support.waiting import until


@pytest.fixture(scope="session")
async def shared_stage(servers: Servers) -> AsyncIterator[Stage]:
    """Started once: it takes a while until a replica is used."""
    async with staged(servers) as stage:
        yield stage


@pytest.fixture
async def stage(shared_stage: Stage) -> Stage:
    """With everything as it should be, whatever the test before has done."""
    await until(shared_stage.is_used, PATIENCE)
    return shared_stage
