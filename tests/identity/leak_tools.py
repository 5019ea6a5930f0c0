"""The part of the walk that leads through the tools. Their secrets are addresses: of contents, feeds, mailed links."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

import httpx

if TYPE_CHECKING:
    from tests.identity.leak_scenario import Scenario

START: Final = "2031-03-04T09:00:00Z"
END: Final = "2031-03-04T10:00:00Z"
JSON: Final = {"Content-Type": "text/calendar"}


async def use_tools(scenario: Scenario) -> None:
    """Every operation of the tools module."""
    call = scenario.call
    await _live(scenario, "/tools/notes", {"title": "note"}, {"content": "changed"})
    await _use_tasks(scenario)
    await _live(scenario, "/tools/calls", {"direction": "inbound", "status": "missed"}, {"notes": "changed"})
    await call("GET", "/tools/calls/statistics?from=2026-11-01&to=2026-11-30", 200)
    await _use_attachments(scenario)
    await _use_events(scenario)
    await _use_reviews(scenario)
    await call("GET", "/tools/timeline?related_type=booking&related_id=1", 200)
    await call("GET", "/tools/search?q=note", 200)


async def _live(scenario: Scenario, path: str, body: dict[str, Any], change: dict[str, Any]) -> str:
    """A record from its creation to its restoration; its path."""
    made = await scenario.call("POST", path, 201, json=body)
    item = f"{path}/{made['id']}"
    await scenario.call("GET", path, 200)
    await scenario.call("GET", item, 200)
    await scenario.call("PUT", item, 200, json=body)
    await scenario.call("PATCH", item, 200, json=change)
    await scenario.call("DELETE", item, 204)
    await scenario.call("POST", f"{item}/restore", 200)
    return item


async def _use_tasks(scenario: Scenario) -> None:
    call = scenario.call
    body = {"title": "task", "due_at": "2031-03-04T09:00:00Z", "reminders": [{"offset_minutes": 10}]}
    task = await _live(scenario, "/tools/tasks", body, {"priority": "high", **body})
    await call("GET", "/tools/tasks/board", 200)
    await call("POST", f"{task}/move", 200, json={"status": "in_progress"})
    bulk = {"ids": [task.rpartition("/")[2]], "changes": {"tags": ["bulk"]}}
    await call("POST", "/tools/tasks/bulk", 200, json=bulk)
    made = await call("POST", f"{task}/comments", 201, json={"body": "said"})
    comment = f"{task}/comments/{made['id']}"
    for reading in (f"{task}/comments", comment):
        await call("GET", reading, 200)
    await call("PUT", comment, 200, json={"body": "said again"})
    await call("PATCH", comment, 200, json={"body": "said better"})
    await call("DELETE", comment, 204)
    (reminder,) = (await call("GET", "/tools/reminders?status=pending", 200))["items"]
    await call("DELETE", f"/tools/reminders/{reminder['id']}", 204)


async def _use_attachments(scenario: Scenario) -> None:
    call, path = scenario.call, "/tools/attachments"
    form = httpx.Request("POST", "http://form", files={"file": ("plan.txt", b"the plan", "text/plain")})
    headers = {"Content-Type": form.headers["Content-Type"]}
    made = await call("POST", path, 201, content=form.read(), headers=headers)
    item = f"{path}/{made['id']}"
    await call("GET", path, 200)
    await call("GET", item, 200)
    await call("PUT", item, 200, json={"file_name": "other.txt"})
    await call("PATCH", item, 200, json={"description": "changed"})
    await call("GET", f"{item}/content", 200)
    link = await call("POST", f"{item}/link", 200, json={"expires_in_seconds": 60})
    scenario.issued["address"] = {parse_qs(urlsplit(link["url"]).query)["token"][0]}
    await call("GET", _root(link["url"]), 200, headers={"Authorization": None, "X-Tenant-ID": None})
    await call("DELETE", item, 204)
    await call("POST", f"{item}/restore", 200)


async def _use_events(scenario: Scenario) -> None:
    call, path = scenario.call, "/tools/events"
    me = (await call("GET", "/auth/me", 200))["user"]["id"]
    once = {"title": "event", "starts_at": START, "ends_at": END}
    body = {**once, "rrule": "FREQ=DAILY;COUNT=3", "attendees": [{"user_id": me}]}
    event = await _live(scenario, path, body, {"description": "changed"})
    window = f"from={START}&to=2031-03-09T00:00:00Z"
    await call("GET", f"{path}/occurrences?{window}", 200)
    await call("GET", f"{path}/free-busy?user_id={me}&{window}", 200)
    await call("PUT", f"{event}/occurrences/2031-03-05T09:00:00Z", 200, json={"title": "other"})
    await call("DELETE", f"{event}/occurrences/2031-03-06T09:00:00Z", 204)
    await call("POST", f"{event}/respond", 200, json={"response": "accepted"})
    await call("GET", f"{event}.ics", 200)
    await call("POST", f"{path}/import", 200, content=scenario.answers[-1].content, headers=JSON)
    outsider = {"Authorization": None, "X-Tenant-ID": None}
    await call("POST", path, 201, json={**once, "attendees": [{"email": "guide@leaks.example"}]})
    answer = f"{path}/respond/{await scenario.mailed_token('guide@leaks.example')}"
    await call("GET", answer, 200, headers=outsider)
    await call("POST", answer, 200, headers=outsider, json={"response": "declined"})
    feed = await call("POST", f"{path}/feeds", 201, json={"name": "feed"})
    scenario.issued["feed"] = {feed["url"].rpartition("/")[2].removesuffix(".ics")}
    await call("GET", _root(feed["url"]), 200, headers=outsider)
    for reading in (f"{path}/feeds", f"{path}/feeds/{feed['id']}"):
        await call("GET", reading, 200)
    await call("DELETE", f"{path}/feeds/{feed['id']}", 204)


async def _use_reviews(scenario: Scenario) -> None:
    call, path = scenario.call, "/tools/reviews"
    subject = {"subject_type": "hotel", "subject_id": "H-1"}
    query = "subject_type=hotel&subject_id=H-1"
    review = await _live(scenario, path, {**subject, "rating": 4}, {"title": "changed"})
    await call("POST", f"{review}/approve", 200)
    await call("POST", f"{review}/reply", 200, json={"reply": "thanks"})
    await call("POST", f"{review}/reopen", 200)
    await call("POST", f"{review}/reject", 200)
    for reading in (f"summary?{query}", f"public?{query}", f"public/summaries?{query}"):
        await call("GET", f"{path}/{reading}", 200)
    asked = await call("POST", f"{path}/requests", 201, json={**subject, "reviewer_email": "guest@leaks.example"})
    request = f"{path}/requests/{asked['id']}"
    for reading in (f"{path}/requests", request):
        await call("GET", reading, 200)
    await scenario.mailed_token("guest@leaks.example")
    await call("POST", f"{request}/resend", 202)
    link = f"{path}/submit/{await scenario.mailed_token('guest@leaks.example')}"
    outsider = {"Authorization": None, "X-Tenant-ID": None}
    await call("GET", link, 200, headers=outsider)
    await call("POST", link, 201, headers=outsider, json={"rating": 5, "body": "fine"})
    again = await call("POST", f"{path}/requests", 201, json={**subject, "reviewer_email": "other@leaks.example"})
    await call("DELETE", f"{path}/requests/{again['id']}", 204)


def _root(url: str) -> str:
    """An address below the service's root, as the scenario's client takes it."""
    parts = urlsplit(url)
    return f"/{parts.path}{'?' + parts.query if parts.query else ''}"
