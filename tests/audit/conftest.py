"""The tenant of the tests that only look at what the audit log says."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from common.config import Config
from tests.audit.stage import Stage, body_of_user
from tests.support.audit_chain import assert_chain_whole
from tests.support.inputs import Preparations
from tests.support.probes import owner_connection
from tests.support.world import add_person, create_tenant


@pytest.fixture(scope="module")
async def still(http: httpx.AsyncClient, config: Config) -> AsyncIterator[Stage]:
    """One tenant for all: each test changes only what it made, or tries and fails."""
    tenant = await create_tenant(http)
    tenant.people["admin"] = await add_person(http, tenant, "admin")
    async with owner_connection(config, tenant.name) as owner:
        made = Stage(tenant, owner, Preparations(http, tenant, owner))
        made.user = (await made.post("/users", body_of_user("target"))).json()
        yield made
        await assert_chain_whole(owner)
