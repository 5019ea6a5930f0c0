"""Changing many tasks at once."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from common.config import Config
from tests.support.probes import owner_connection
from tests.support.staff import Staff
from tests.support.world import Api, TestTenant
from tests.tasks.work import TASKS, Item, make, read

BULK = f"{TASKS}/bulk"


async def change(api: Api, **body: object) -> list[Item]:
    """The results of a bulk change."""
    answer = await api.post(BULK, json=body)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["results"])


@pytest.mark.promise("D2")
async def test_each_task_has_a_result_of_its_own(
    twin: TestTenant, neighbour: TestTenant, staff: Staff, config: Config
) -> None:
    api = staff.reader.api  # reads all, changes his own
    mine, stale, wrong, cyclic, same = [await make(api) for _ in range(5)]
    theirs, foreign = await make(twin.owner), await make(neighbour.owner)
    items = [
        {"id": mine["id"], "version": 1, "changes": {"status": "done", "tags": ["x"]}},
        {"id": theirs["id"], "changes": {"status": "done"}},
        {"id": foreign["id"], "changes": {"status": "done"}},
        {"id": stale["id"], "version": 7, "changes": {"status": "done"}},
        {"id": wrong["id"], "changes": {"status": "done", "assignee_id": str(uuid4())}},
        {"id": cyclic["id"], "changes": {"parent_id": cyclic["id"]}},
        {"id": same["id"], "changes": {}},
    ]

    answer = await api.post(BULK, json={"items": items})

    results = answer.json()["results"]
    assert [result["id"] for result in results] == [item["id"] for item in items]
    assert [(result["status"], (result["error"] or {}).get("code")) for result in results] == [
        (200, None),
        (403, "permission_denied"),
        (404, "not_found"),
        (412, "version_conflict"),
        (422, "unknown_reference"),
        (422, "task_cycle"),
        (200, None),
    ]
    assert results[4]["error"]["pointer"] == "/changes/assignee_id"
    assert results[0]["task"] == await read(api, mine)
    assert (results[0]["task"]["status"], results[0]["task"]["version"]) == ("done", 2)
    assert results[6]["task"] == same
    for task in (stale, wrong, cyclic):
        assert await read(api, task) == task
    async with owner_connection(config, twin.name) as owner:
        written = await owner.fetch(
            "SELECT action, target_id, outcome FROM audit_logs WHERE request_id = $1 ORDER BY seq",
            answer.headers["x-request-id"],
        )
    assert [tuple(row) for row in written] == [
        ("tools.task.updated", mine["id"], "success"),
        ("permission.tasks.update.refused", theirs["id"], "failure"),
    ]


async def test_the_same_change_can_be_made_to_many(twin: TestTenant) -> None:
    tasks = [await make(twin.owner, due_at="2031-01-01T09:00:00Z", recurrence="FREQ=DAILY") for _ in range(3)]

    results = await change(twin.owner, ids=[task["id"] for task in tasks], changes={"status": "done"})

    assert [result["status"] for result in results] == [200, 200, 200]
    assert all(result["task"]["next_id"] for result in results)


@pytest.mark.promise("S7")
async def test_a_body_that_is_no_list_of_changes_changes_nothing(twin: TestTenant) -> None:
    task = await make(twin.owner)
    item = {"id": task["id"], "changes": {"status": "done"}}

    bodies: list[dict[str, Any]] = [
        {},
        {"items": []},
        {"items": [item, item]},
        {"items": [item], "changes": {}},
        {"ids": [task["id"]]},
        {"ids": [task["id"]] * 2, "changes": {"status": "done"}},
        {"ids": [str(uuid4()) for _ in range(201)], "changes": {"status": "done"}},
        {"items": [item, {"id": str(uuid4()), "changes": {"status": "open"}}]},
        {"items": [{**item, "changes": {"completed_at": None}}]},
        {"items": [{**item, "version": 0}]},
    ]
    for body in bodies:
        assert (await twin.owner.post(BULK, json=body)).status_code == 422, body
    assert await read(twin.owner, task) == task


@pytest.mark.promise("D4")
async def test_many_who_change_the_same_tasks_do_not_block_each_other(twin: TestTenant) -> None:
    """Each in an order of its own: locked in that order, they would wait for each other."""
    tasks = [(await make(twin.owner))["id"] for _ in range(6)]

    answers = await asyncio.gather(
        *(
            twin.owner.post(BULK, json={"ids": tasks[turn:] + tasks[:turn], "changes": {"title": f"turn {turn}"}})
            for turn in range(6)
        ),
        *(twin.owner.post(f"{TASKS}/{task}/move", json={"after_id": tasks[0]}) for task in tasks[1:]),
    )

    assert {answer.status_code for answer in answers} == {200}
    titles = {result["task"]["title"] for answer in answers[:6] for result in answer.json()["results"]}
    assert titles == {f"turn {turn}" for turn in range(6)}
    assert len({(await read(twin.owner, task))["title"] for task in tasks}) == 1


async def test_two_hundred_at_once_are_not_too_many(tenant: TestTenant) -> None:
    tasks = [item["id"] for item in await asyncio.gather(*(make(tenant.owner) for _ in range(10)))]
    ids = [*tasks, *(str(uuid4()) for _ in range(190))]

    results = await change(tenant.owner, ids=ids, changes={"priority": "urgent"})

    assert [result["status"] for result in results] == [200] * 10 + [404] * 190
