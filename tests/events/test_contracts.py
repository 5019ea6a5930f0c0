"""What events promise as all records do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

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

START, END = "2026-10-20T06:00:00Z", "2026-10-20T07:00:00Z"


class TestEvents(
    RecordContract, CrudContract, ConcurrencyContract, IdempotencyContract, PermissionContract, TenantIsolationContract
):
    """One event."""

    kind = "event"
    resource = Resource(
        path="/tools/events",
        permission="events",
        body=lambda word: {
            "title": f"Σύσκεψη {word}",
            "description": "Agenda:\n",
            "starts_at": START,
            "ends_at": END,
            "timezone": "Europe/Athens",
            "rrule": "FREQ=WEEKLY;COUNT=4;BYDAY=TU",
            "exdates": ["2026-10-27T07:00:00Z"],
            "reminders": [{"offset_minutes": 30}],
        },
        replacement=lambda word: {"title": word, "starts_at": START, "ends_at": END},
        change={"description": "Other words", "location": "Lobby", "join_url": "https://meet.example/x"},
        defaults={
            "description": "",
            "location": None,
            "all_day": False,
            "timezone": "UTC",
            "rrule": None,
            "exdates": [],
            "reminders": [],
            "last_ends_at": END,
            "status": "confirmed",
            "join_url": None,
            "attendees": [],
            "links": [],
        },
        refused={"read": "nobody", "create": "viewer", "update": "viewer", "delete": "viewer"},
    )


class TestListOfEvents(GrowingListContract):
    """Many events."""

    path = "/tools/events"
    sorts = ("created_at", "updated_at", "title", "starts_at", "ends_at")

    @pytest.fixture(scope="module")
    @staticmethod
    async def listed(http: httpx.AsyncClient, config: Config) -> TestTenant:
        """A tenant with sixty events, four of each creation time."""
        tenant = await create_tenant(http)
        rows = [Row(f"event{number}", f"event {number}", moment(number // 4)) for number in range(60)]
        async with owner_connection(config, tenant.name) as connection:
            await TestListOfEvents.insert(connection, rows)
        return tenant

    @staticmethod
    async def insert(connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        """Plain events of an hour."""
        await connection.executemany(
            """INSERT INTO events (id, title, description, starts_at, ends_at, last_ends_at, created_at, updated_at)
               VALUES ($1, $2, $3, $4, $5, $5, $4, $4)""",
            [(new_id(), row.word, row.text, row.created_at, row.created_at + timedelta(hours=1)) for row in rows],
        )
