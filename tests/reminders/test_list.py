"""One's own reminders, as a list."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
import httpx
import pytest

from common.config import Config
from common.ids import new_id
from tests.support.contracts import GrowingListContract, Row
from tests.support.contracts.resource import moment
from tests.support.probes import owner_connection
from tests.support.world import TestTenant, create_tenant


class TestListOfReminders(GrowingListContract):
    """Many reminders."""

    path = "/tools/reminders"
    sorts = ("created_at", "due_at")

    @pytest.fixture(scope="module")
    @staticmethod
    async def listed(http: httpx.AsyncClient, config: Config) -> TestTenant:
        """A tenant whose owner has sixty reminders, four of each creation time."""
        tenant = await create_tenant(http)
        rows = [Row(f"note{number}", f"note {number}", moment(number // 4)) for number in range(60)]
        async with owner_connection(config, tenant.name) as connection:
            await TestListOfReminders.insert(connection, rows)
        return tenant

    @staticmethod
    async def insert(connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        """Each of a note of its own."""
        owner_id = await connection.fetchval("SELECT id FROM users WHERE username = 'owner'")
        notes = [(new_id(), f"{row.word} {row.text}") for row in rows]
        await connection.executemany("INSERT INTO notes (id, title) VALUES ($1, $2)", notes)
        await connection.executemany(
            "INSERT INTO reminders (id, record_type, record_id, user_id, offset_minutes, due_at, created_at) "
            "VALUES ($1, 'note', $2, $3, 30, $4, $4)",
            [(new_id(), note_id, owner_id, row.created_at) for (note_id, _), row in zip(notes, rows, strict=True)],
        )


async def test_the_list_can_be_narrowed(tenant: TestTenant, config: Config) -> None:
    rows = [Row(f"note{number}", "note", moment(number)) for number in range(4)]
    async with owner_connection(config, tenant.name) as connection:
        await TestListOfReminders.insert(connection, rows)
        await connection.execute("UPDATE reminders SET status = 'missed' WHERE due_at = $1", moment(2))

    async def found(**query: str) -> list[str]:
        answer = await tenant.owner.get("/tools/reminders", params=query)
        assert answer.status_code == 200, answer.text
        return [item["record"]["title"].split()[0] for item in answer.json()["items"]]

    assert await found() == ["note0", "note1", "note2", "note3"]
    assert await found(status="missed") == ["note2"]
    assert await found(due_after=moment(0).isoformat(), due_before=moment(3).isoformat()) == ["note1", "note2"]
    assert await found(record_type="note", sort="-due_at", q="NOTE3") == ["note3"]
    assert await found(record_type="task") == []
    for query in ({"status": "lost"}, {"due_after": "2026-01-01T00:00:00"}, {"record_type": "x" * 33}):
        assert (await tenant.owner.get("/tools/reminders", params=query)).status_code == 422
