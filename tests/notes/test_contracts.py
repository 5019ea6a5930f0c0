"""What notes promise as all records do."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
import httpx
import pytest

from common.config import Config
from common.ids import new_id
from tests.support.contracts import (
    ConcurrencyContract,
    CrudContract,
    GrowingListContract,
    IdempotencyContract,
    PermissionContract,
    RecordContract,
    Resource,
    Row,
    TenantIsolationContract,
)
from tests.support.contracts.resource import moment
from tests.support.probes import owner_connection
from tests.support.world import TestTenant, create_tenant


class TestNotes(
    RecordContract, CrudContract, ConcurrencyContract, IdempotencyContract, PermissionContract, TenantIsolationContract
):
    """One note."""

    kind = "note"
    resource = Resource(
        path="/tools/notes",
        permission="notes",
        body=lambda word: {"title": f"Σημείωση {word}", "content": "**bold**\n", "tags": ["vip", "late"]},
        replacement=lambda word: {"title": word},
        change={"content": "Other words", "is_pinned": True, "color": "#ffcc00", "tags": ["new"]},
        defaults={"content": "", "is_pinned": False, "is_private": False, "color": None, "tags": [], "links": []},
        refused={"read": "nobody", "create": "viewer", "update": "viewer", "delete": "viewer"},
    )


class TestListOfNotes(GrowingListContract):
    """Many notes."""

    path = "/tools/notes"
    sorts = ("created_at", "updated_at", "title", "is_pinned")

    @pytest.fixture(scope="module")
    @staticmethod
    async def listed(http: httpx.AsyncClient, config: Config) -> TestTenant:
        """A tenant with sixty notes, four of each creation time."""
        tenant = await create_tenant(http)
        rows = [Row(f"note{number}", f"note {number}", moment(number // 4)) for number in range(60)]
        async with owner_connection(config, tenant.name) as connection:
            await TestListOfNotes.insert(connection, rows)
        return tenant

    @staticmethod
    async def insert(connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        """Plain notes."""
        await connection.executemany(
            "INSERT INTO notes (id, title, content, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)",
            [(new_id(), row.word, row.text, row.created_at) for row in rows],
        )
