"""Tasks that are parts of others."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.staff import Staff
from tests.support.world import TestTenant
from tests.tasks.work import TASKS, change, make, read


async def test_a_task_tells_how_many_parts_it_has(twin: TestTenant) -> None:
    parent = await make(twin.owner)
    first, second, third = [await make(twin.owner, parent_id=parent["id"]) for _ in range(3)]
    await make(twin.owner, parent_id=first["id"])
    await change(twin.owner, first, status="done")
    await change(twin.owner, second, status="cancelled")
    assert (await read(twin.owner, parent))["subtasks"] == {"total": 3, "done": 1}

    await twin.owner.delete(f"{TASKS}/{third['id']}")
    await change(twin.owner, second, parent_id=None)

    assert (await read(twin.owner, parent))["subtasks"] == {"total": 1, "done": 1}
    assert (await read(twin.owner, first))["subtasks"] == {"total": 1, "done": 0}


async def test_the_parts_of_a_deleted_task_stay_and_it_finds_them_again(twin: TestTenant) -> None:
    parent = await make(twin.owner)
    part = await make(twin.owner, parent_id=parent["id"])

    await twin.owner.delete(f"{TASKS}/{parent['id']}")
    assert (await read(twin.owner, part))["parent_id"] == parent["id"]

    restored = await twin.owner.post(f"{TASKS}/{parent['id']}/restore")
    assert restored.json()["subtasks"] == {"total": 1, "done": 0}


async def test_no_task_is_a_part_of_itself(twin: TestTenant) -> None:
    top = await make(twin.owner)
    middle = await make(twin.owner, parent_id=top["id"])
    bottom = await make(twin.owner, parent_id=middle["id"])

    for task, parent in ((top, top), (top, middle), (top, bottom), (middle, bottom)):
        answer = await twin.owner.patch(f"{TASKS}/{task['id']}", json={"parent_id": parent["id"]})
        assert (answer.status_code, answer.json()["code"]) == (422, "task_cycle")
        assert answer.json()["errors"][0]["pointer"] == "/body/parent_id"
    assert (await change(twin.owner, bottom, parent_id=top["id"]))["parent_id"] == top["id"]


async def test_a_circle_cannot_hide_behind_a_deleted_task(twin: TestTenant) -> None:
    top = await make(twin.owner)
    middle = await make(twin.owner, parent_id=top["id"])
    bottom = await make(twin.owner, parent_id=middle["id"])
    await twin.owner.delete(f"{TASKS}/{middle['id']}")

    answer = await twin.owner.patch(f"{TASKS}/{top['id']}", json={"parent_id": bottom["id"]})

    assert (answer.status_code, answer.json()["code"]) == (422, "task_cycle")


@pytest.mark.promise("D4")
async def test_of_changes_that_would_close_a_circle_together_one_is_refused(twin: TestTenant) -> None:
    for _ in range(2):
        ring = [await make(twin.owner) for _ in range(8)]

        answers = await asyncio.gather(
            *(
                twin.owner.patch(f"{TASKS}/{task['id']}", json={"parent_id": parent["id"]})
                for task, parent in zip(ring, [*ring[1:], ring[0]], strict=True)
            )
        )

        refused = [answer for answer in answers if answer.status_code != 200]
        assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [(422, "task_cycle")]


async def test_a_parent_that_one_may_not_read_may_stay(twin: TestTenant, staff: Staff) -> None:
    """Who was given a part need not see the whole, and can still change his part."""
    parent = await make(twin.owner)
    part = await make(twin.owner, parent_id=parent["id"], assignee_id=staff.author.id)

    replaced = await staff.author.api.put(f"{TASKS}/{part['id']}", json={"title": "mine", "parent_id": parent["id"]})

    assert (replaced.status_code, replaced.json()["parent_id"]) == (200, parent["id"])
