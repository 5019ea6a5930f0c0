"""Statistics of calls, whose days are those of a time zone."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from tests.calls.test_calls import make
from tests.support.probes import watched
from tests.support.staff import Staff
from tests.support.world import Api, TestTenant

STATISTICS = "/tools/calls/statistics"


async def count(api: Api, **query: str) -> list[dict[str, object]]:
    """The days of people."""
    answer = await api.get(STATISTICS, params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def test_calls_are_counted_by_person_and_day(tenant: TestTenant) -> None:
    for status, direction, duration in (
        ("completed", "inbound", 60),
        ("completed", "outbound", 120),
        ("completed", "inbound", None),
        ("failed", "outbound", 10),
        ("missed", "inbound", None),
    ):
        fields = {"status": status, "direction": direction, "duration_seconds": duration}
        await make(tenant.owner, started_at="2026-03-02T09:00:00Z", **fields)
    gone = await make(tenant.owner, started_at="2026-03-02T09:00:00Z")
    await tenant.owner.delete(f"/tools/calls/{gone['id']}")
    await make(tenant.owner, started_at="2026-03-04T23:59:59Z")
    await make(tenant.owner, started_at="2026-03-05T00:00:00Z")

    busy, quiet = await count(tenant.owner, **{"from": "2026-03-01", "to": "2026-03-04"})

    assert busy == {
        "day": "2026-03-02",
        "user_id": tenant.people["owner"].id,
        "total": 5,
        "by_status": {
            "planned": 0, "completed": 3, "missed": 1, "no_answer": 0, "busy": 0, "failed": 1, "cancelled": 0,
        },
        "by_direction": {"inbound": 3, "outbound": 2},
        "total_duration_seconds": 180,
        "average_duration_seconds": 90.0,
    }  # fmt: skip
    assert (quiet["day"], quiet["total"], quiet["total_duration_seconds"]) == ("2026-03-04", 1, 0)
    assert quiet["average_duration_seconds"] is None


async def test_a_day_is_one_of_the_time_zone_whatever_its_length(tenant: TestTenant) -> None:
    """In Athens 29 March 2026 has 23 hours: it ends at 21:00 UTC, having begun at 22:00."""
    for moment in ("28T21:59:59Z", "28T22:00:00Z", "29T20:59:59Z", "29T21:00:00Z"):
        await make(tenant.owner, started_at=f"2026-03-{moment}")
    range_ = {"from": "2026-03-28", "to": "2026-03-30"}

    async def days(**query: str) -> list[tuple[object, object]]:
        return [(item["day"], item["total"]) for item in await count(tenant.owner, **range_, **query)]

    athens = [("2026-03-28", 1), ("2026-03-29", 2), ("2026-03-30", 1)]
    assert await days(time_zone="Europe/Athens") == athens
    assert await days() == await days(time_zone="UTC") == [("2026-03-28", 2), ("2026-03-29", 2)]
    await tenant.owner.put("/settings/tenant.time_zone", json={"value": "Europe/Athens"})
    assert await days() == athens


@pytest.mark.promise("R1")
async def test_only_what_one_may_read_is_counted(
    alpha: TestTenant, beta: TestTenant, all_staff: dict[str, Staff], app: FastAPI
) -> None:
    staff, neighbours = all_staff[alpha.name], all_staff[beta.name]
    for person in (staff.author, staff.colleague, staff.outsider, neighbours.author):
        await make(person.api, started_at="2025-06-01T12:00:00Z")
    day = {"from": "2025-06-01", "to": "2025-06-01", "time_zone": "UTC"}

    async def seen(api: Api, **query: str) -> set[object]:
        with watched(app) as traffic:
            items = await count(api, **day, **query)
        assert sum("log_calls" in text for text in traffic.statements) == 1
        return {item["user_id"] for item in items}

    assert await seen(staff.author.api) == {staff.author.id}
    assert await seen(staff.manager.api) == {staff.author.id, staff.colleague.id}
    assert await seen(staff.reader.api) == {staff.author.id, staff.colleague.id, staff.outsider.id}
    assert await seen(alpha.owner, user_id=staff.outsider.id) == {staff.outsider.id}
    assert await seen(alpha.owner, user_id=neighbours.author.id) == set()
    assert (await staff.nobody.api.get(STATISTICS)).status_code == 403


async def test_without_a_range_it_is_the_last_seven_days(tenant: TestTenant) -> None:
    await make(tenant.owner)

    answer = (await tenant.owner.get(STATISTICS)).json()

    (item,) = answer["items"]
    assert (item["day"], item["total"]) == (answer["last_day"], 1)
    assert answer["first_day"] < answer["last_day"]


@pytest.mark.promise("S7")
@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"from": "2026-03-02", "to": "2026-03-01"}, "range_invalid"),
        ({"from": "2026-01-01", "to": "2026-04-03"}, "range_invalid"),
        ({"from": "0001-01-01"}, "validation_failed"),
        ({"to": "9999-12-31"}, "validation_failed"),
        ({"from": "yesterday"}, "validation_failed"),
        ({"time_zone": "Mars/Olympus"}, "validation_failed"),
        ({"user_id": "me"}, "validation_failed"),
    ],
)
async def test_a_range_that_is_none_is_refused(alpha: TestTenant, query: dict[str, str], code: str) -> None:
    answer = await alpha.owner.get(STATISTICS, params=query)

    assert (answer.status_code, answer.json()["code"]) == (422, code)
