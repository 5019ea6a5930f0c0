"""What tasks promise as all records do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg
import httpx
import pytest

from common.config import Config
from common.enums import TaskPriority, TaskStatus
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

NEVER = "9999"  # as text later than any time that is one


class TestTasks(
    RecordContract, CrudContract, ConcurrencyContract, IdempotencyContract, PermissionContract, TenantIsolationContract
):
    """One task."""

    kind = "task"
    resource = Resource(
        path="/tools/tasks",
        permission="tasks",
        body=lambda word: {
            "title": f"Μεταφορά {word}",
            "description": "Call **first**\n",
            "priority": "low",
            "start_at": "2031-03-01T08:00:00Z",
            "due_at": "2031-03-02T08:00:00Z",
            "tags": ["vip", "late"],
            "reminders": [{"offset_minutes": 10}, {"offset_minutes": 60}],
        },
        replacement=lambda word: {"title": word},
        change={"description": "Other words", "priority": "urgent", "tags": ["new"], "start_at": None, "position": 7.5},
        defaults={
            "description": "",
            "status": "todo",
            "priority": "medium",
            "assignee_id": None,
            "team_id": None,
            "parent_id": None,
            "start_at": None,
            "due_at": None,
            "completed_at": None,
            "recurrence": None,
            "reminders": [],
            "tags": [],
            "links": [],
        },
        refused={"read": "nobody", "create": "viewer", "update": "viewer", "delete": "viewer"},
    )


class TestListOfTasks(GrowingListContract):
    """Many tasks."""

    path = "/tools/tasks"
    sorts = ("created_at", "updated_at", "title", "position", "start_at", "due_at", "priority", "status")

    @pytest.fixture(scope="module")
    @staticmethod
    async def listed(http: httpx.AsyncClient, config: Config) -> TestTenant:
        """A tenant with sixty tasks, four of each creation time; every third is never due."""
        tenant = await create_tenant(http)
        rows = [Row(f"task{number}", f"one of them: {number}", moment(number // 4)) for number in range(60)]
        async with owner_connection(config, tenant.name) as connection:
            await TestListOfTasks.insert(connection, rows)
        return tenant

    @staticmethod
    async def insert(connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        """Tasks of all priorities and of most statuses."""
        statuses, priorities = ("todo", "in_progress", "blocked", "cancelled"), list(TaskPriority)
        await connection.executemany(
            """INSERT INTO tasks (id, title, description, created_at, updated_at, due_at, start_at, status, priority)
               VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8)""",
            [
                (
                    new_id(),
                    row.word,
                    row.text,
                    row.created_at,
                    None if number % 3 == 0 else moment(100 - number % 7),
                    None if number % 2 else moment(number % 5),
                    statuses[number % 4],
                    priorities[number * 3 % 4],
                )
                for number, row in enumerate(rows)
            ],
        )

    def sort_value(self, item: dict[str, Any], sort: str) -> Any:
        """Priorities and statuses in the order of their enumerations; what is never due, last."""
        places: dict[str, list[str]] = {"priority": list(TaskPriority), "status": list(TaskStatus)}
        if sort in places:
            return (places[sort].index(item[sort]), item["id"])
        if sort in {"due_at", "start_at"}:
            return (item[sort] or NEVER, item["id"])
        return super().sort_value(item, sort)
