"""Everything about one object: a list of all kinds, and only what the caller may read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg
import httpx
import pytest

from common.config import Config
from common.ids import new_id
from tests.support.contracts import GrowingListContract, Row
from tests.support.contracts.resource import moment
from tests.support.fixed_query import with_query
from tests.support.probes import owner_connection
from tests.support.staff import Staff
from tests.support.things import word
from tests.support.world import Api, TestTenant, create_tenant
from tools.records.kinds import KINDS

TIMELINE = "/tools/timeline"
ABOUT = {"related_type": "booking", "related_id": "BK-1"}
INSERT = """
    WITH made AS (
        INSERT INTO notes (id, title, content, created_at, updated_at) VALUES ($1, $2, $3, $4, $4) RETURNING id
    )
    INSERT INTO note_links (record_id, link_type, link_id) SELECT id, 'booking', 'BK-1' FROM made"""


class TestTimeline(GrowingListContract):
    """A booking with many notes."""

    path = "/tools/timeline"
    sorts = ("created_at",)

    @pytest.fixture(scope="module")
    @staticmethod
    async def listed(http: httpx.AsyncClient, config: Config) -> TestTenant:
        """A tenant with sixty notes, four of each creation time, all about one booking."""
        tenant = await create_tenant(http)
        rows = [Row(f"note{number}", f"note {number}", moment(number // 4)) for number in range(60)]
        async with owner_connection(config, tenant.name) as connection:
            await TestTimeline.insert(connection, rows)
        return with_query(tenant, TIMELINE, ABOUT)

    @pytest.fixture
    def beta(self, beta: TestTenant) -> TestTenant:
        """Another tenant, asked about a booking of the same number."""
        return with_query(beta, TIMELINE, ABOUT)

    @staticmethod
    async def insert(connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        """Linked notes."""
        await connection.executemany(INSERT, [(new_id(), row.word, row.text, row.created_at) for row in rows])


async def items(api: Api, related_id: str, **query: Any) -> list[dict[str, Any]]:
    """The first page of a booking's timeline."""
    answer = await api.get(TIMELINE, params={"related_type": "booking", "related_id": related_id, **query})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def note_about(api: Api, booking: str, **fields: Any) -> dict[str, Any]:
    """A new note about a booking."""
    body = {"title": word(), "links": [{"type": "booking", "id": booking}], **fields}
    answer = await api.post("/tools/notes", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


@pytest.mark.promise("T1")
async def test_a_booking_of_the_same_number_in_another_tenant_is_another(alpha: TestTenant, beta: TestTenant) -> None:
    booking = word()
    ours, theirs = [await note_about(twin.owner, booking, title=twin.canary) for twin in (alpha, beta)]

    assert [item["id"] for item in await items(alpha.owner, booking)] == [ours["id"]]
    assert [item["id"] for item in await items(beta.owner, booking)] == [theirs["id"]]


@pytest.mark.promise("R1")
async def test_it_shows_what_one_may_read_and_nothing_else(alpha: TestTenant, all_staff: dict[str, Staff]) -> None:
    staff, booking = all_staff[alpha.name], word()
    open_note = await note_about(staff.author.api, booking, content="long " * 100)
    secret = await note_about(staff.author.api, booking, is_private=True)
    deleted = await note_about(staff.author.api, booking)
    assert (await staff.author.api.delete(f"/tools/notes/{deleted['id']}")).status_code == 204

    async def seen(api: Api) -> list[str]:
        return [item["id"] for item in await items(api, booking)]

    assert await seen(staff.author.api) == [secret["id"], open_note["id"]]
    assert await seen(staff.manager.api) == await seen(alpha.owner) == [open_note["id"]]
    assert await seen(staff.colleague.api) == []
    (shown,) = await items(staff.manager.api, booking)
    assert (shown["kind"], shown["title"], len(shown["excerpt"])) == ("note", open_note["title"], 200)
    refused = await staff.nobody.api.get(TIMELINE, params={"related_type": "booking", "related_id": booking})
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")


async def test_the_parameters_are_checked(alpha: TestTenant) -> None:
    for query, pointer in (
        ({"related_type": "booking"}, "/query/related_id"),
        ({"related_id": "1"}, "/query/related_type"),
        ({"related_type": "", "related_id": "1"}, "/query/related_type"),
        ({**ABOUT, "kind": "nonsense"}, "/query/kind"),
    ):
        answer = await alpha.owner.get(TIMELINE, params=query)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), query


async def test_it_can_be_narrowed_to_kinds(alpha: TestTenant) -> None:
    booking = word()
    note = await note_about(alpha.owner, booking)

    for kind in KINDS:
        found = [item["id"] for item in await items(alpha.owner, booking, kind=kind)]
        assert found == ([note["id"]] if kind == "note" else [])
