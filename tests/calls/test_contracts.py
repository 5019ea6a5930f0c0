"""What calls promise as all records do."""

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


class TestCalls(
    RecordContract, CrudContract, ConcurrencyContract, IdempotencyContract, PermissionContract, TenantIsolationContract
):
    """One call."""

    kind = "call"
    resource = Resource(
        path="/tools/calls",
        permission="calls",
        body=lambda word: {
            "direction": "outbound",
            "status": "completed",
            "phone_number": "+302101234567",
            "contact_name": f"Μαρία {word}",
            "started_at": "2026-03-01T09:00:00Z",
            "duration_seconds": 90,
        },
        replacement=lambda _: {"direction": "inbound", "status": "missed"},
        change={
            "contact_name": "Another name",
            "contact_ref": "customer:C-1",
            "outcome": "Wants a later flight",
            "notes": "Rings again\n",
            "recording_url": "https://pbx.example/recordings/1",
        },
        defaults={
            "phone_number": None,
            "contact_name": None,
            "contact_ref": None,
            "started_at": None,
            "ended_at": None,
            "duration_seconds": None,
            "outcome": None,
            "notes": "",
            "recording_url": None,
            "external_id": None,
            "links": [],
        },
        refused={"read": "nobody", "create": "viewer", "update": "viewer", "delete": "viewer"},
    )


class TestListOfCalls(GrowingListContract):
    """Many calls."""

    path = "/tools/calls"
    sorts = ("created_at", "updated_at", "started_at")

    @pytest.fixture(scope="module")
    @staticmethod
    async def listed(http: httpx.AsyncClient, config: Config) -> TestTenant:
        """A tenant with sixty calls, four of each creation time."""
        tenant = await create_tenant(http)
        rows = [Row(f"call{number}", f"line {number}", moment(number // 4)) for number in range(60)]
        async with owner_connection(config, tenant.name) as connection:
            await TestListOfCalls.insert(connection, rows)
        return tenant

    @staticmethod
    async def insert(connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        """Plain calls."""
        await connection.executemany(
            "INSERT INTO log_calls (id, direction, status, contact_name, notes, started_at, created_at, updated_at) "
            "VALUES ($1, 'inbound', 'completed', $2, $3, $4, $4, $4)",
            [(new_id(), row.word, row.text, row.created_at) for row in rows],
        )
