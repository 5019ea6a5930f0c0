"""Really doing an operation, as somebody with a role, to things that nobody else needs."""

from __future__ import annotations

import asyncpg
import httpx

from tests.support.inputs import Preparations
from tests.support.operations import Operation
from tests.support.world import TestTenant


async def call(
    http: httpx.AsyncClient, tenant: TestTenant, owner: asyncpg.Connection, operation: Operation, role: str
) -> httpx.Response:
    """Prepare and do it."""
    prepared = await Preparations(http, tenant, owner).prepare(operation, role)
    return await prepared.send()
