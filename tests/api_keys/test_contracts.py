"""What keys promise as all resources do. They cannot be replaced (PUT), so not all contracts fit."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import asyncpg
import httpx
import pytest

from common.config import Config
from common.ids import new_id
from tests.support.contracts import GrowingListContract, IdempotencyContract, Resource, Row
from tests.support.contracts.resource import Body, moment
from tests.support.probes import owner_connection
from tests.support.world import TestTenant, create_tenant


def key(word: str) -> Body:
    """A valid body."""
    return {"name": f"key {word}", "permissions": ["users:read"]}


class TestKeys(IdempotencyContract):
    """One key."""

    resource = Resource(
        path="/users/api-keys", permission="api_keys", body=key, replacement=key, change={"name": "x"}, defaults={}
    )


@pytest.fixture(scope="module")
async def listed(http: httpx.AsyncClient, config: Config) -> TestTenant:
    """A tenant with sixty keys, four of each creation time."""
    tenant = await create_tenant(http)
    rows = [Row(f"row{number}", f"row {number}", moment(number // 4)) for number in range(60)]
    async with owner_connection(config, tenant.name) as connection:
        await TestListOfKeys.insert(connection, rows)
    return tenant


class TestListOfKeys(GrowingListContract):
    """Many keys."""

    path = "/users/api-keys"
    sorts = ("created_at", "updated_at", "name")

    @staticmethod
    async def insert(connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        """The owner's keys, with digests of no key at all."""
        await connection.executemany(
            """INSERT INTO api_keys (id, user_id, name, prefix, digest, permissions, created_at, updated_at)
               SELECT $1, id, $2, 'ssk_12345678', $3, '{users:read}', $4, $4 FROM users WHERE username = 'owner'""",
            [
                (new_id(), f"key {row.word} {row.text}", hashlib.sha256(row.word.encode()).digest(), row.created_at)
                for row in rows
            ],
        )
