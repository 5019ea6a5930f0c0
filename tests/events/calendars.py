"""Making events in tests, and asking what happens."""

from __future__ import annotations

from typing import Any

from tests.support.things import word
from tests.support.world import Api

EVENTS = "/tools/events"
DAY = {"from": "2026-10-20T00:00:00Z", "to": "2026-10-21T00:00:00Z"}


async def make(api: Api, **fields: Any) -> dict[str, Any]:
    """A new event, of an hour unless told otherwise."""
    given = {"title": word(), "starts_at": "2026-10-20T06:00:00Z", "ends_at": "2026-10-20T07:00:00Z", **fields}
    answer = await api.post(EVENTS, json=given)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def happenings(api: Api, low: str, high: str, **query: Any) -> list[dict[str, Any]]:
    """What happens between two moments, which is a list of one page."""
    answer = await api.get(f"{EVENTS}/occurrences", params={"from": low, "to": high, **query})
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert (page["next_cursor"], page["total"]) == (None, len(page["items"]))
    return list(page["items"])


async def starts(api: Api, event: dict[str, Any], low: str, high: str) -> list[str]:
    """When one event happens between two moments."""
    return [one["starts_at"] for one in await happenings(api, low, high) if one["event_id"] == event["id"]]
