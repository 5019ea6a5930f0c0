"""The reminders of tasks: they follow the task, its date and whoever is to do it."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from tests.reminders.stage import Stage, ahead
from tests.support.post import PostOffice
from tests.support.world import Person, TestTenant
from tests.tasks.work import TASKS, Item, change, make, read

Planned = list[tuple[str, datetime]]
HOUR = timedelta(hours=1)


@pytest.fixture
def stage(office: PostOffice, branch: TestTenant) -> Stage:
    """One of the twins, with no mail under way."""
    return Stage(office, branch)


async def new_task(stage: Stage, due_at: datetime, **fields: object) -> Item:
    """A task of the owner's, to be reminded of an hour before."""
    reminders = [{"offset_minutes": 60}]
    return await make(stage.tenant.owner, due_at=due_at.isoformat(), reminders=reminders, **fields)


async def of(stage: Stage, task: Item, person: Person) -> Planned:
    """What somebody is to be reminded of."""
    return [item for item in await stage.of(UUID(task["id"]), person) if item[0] == "pending"]


async def test_whoever_is_to_do_it_is_reminded_or_else_who_made_it(stage: Stage) -> None:
    owner, member = stage.tenant.people["owner"], stage.tenant.people["member"]
    due = ahead(days=2)
    task = await new_task(stage, due)
    assert await of(stage, task, owner) == [("pending", due - HOUR)]

    await change(owner.api, task, assignee_id=member.id)

    assert await of(stage, task, owner) == []
    assert await of(stage, task, member) == [("pending", due - HOUR)]
    await stage.office.skip_waits()
    (letter,) = await stage.office.deliver()
    assert (letter.to, letter.page) == (member.email, f"/tasks/{task['id']}")
    assert task["title"] in letter.subject


async def test_reminders_move_with_the_task(stage: Stage) -> None:
    owner = stage.tenant.people["owner"]
    due, later = ahead(days=2), ahead(days=5)
    task = await new_task(stage, due)

    await change(owner.api, task, due_at=later.isoformat())
    assert await of(stage, task, owner) == [("pending", later - HOUR)]
    more = await change(owner.api, task, reminders=[{"offset_minutes": 0}, {"offset_minutes": 60}])
    assert more["reminders"] == [{"offset_minutes": 0}, {"offset_minutes": 60}]
    assert sorted(await of(stage, task, owner)) == [("pending", later - HOUR), ("pending", later)]
    await change(owner.api, task, due_at=None)
    assert await of(stage, task, owner) == []


@pytest.mark.parametrize("way", ["done", "cancelled", "deleted", "bulk", "move"])
async def test_what_is_over_reminds_nobody_until_it_is_open_again(stage: Stage, way: str) -> None:
    owner, due = stage.tenant.people["owner"], ahead(days=2)
    task = await new_task(stage, due)
    address = f"{TASKS}/{task['id']}"

    if way == "deleted":
        assert (await owner.api.delete(address)).status_code == 204
    elif way == "bulk":
        await owner.api.post(f"{TASKS}/bulk", json={"ids": [task["id"]], "changes": {"status": "done"}})
    elif way == "move":
        await owner.api.post(f"{address}/move", json={"status": "cancelled"})
    else:
        await change(owner.api, task, status=way)
    assert await of(stage, task, owner) == []

    await (owner.api.post(f"{address}/restore") if way == "deleted" else change(owner.api, task, status="todo"))
    assert await of(stage, task, owner) == [("pending", due - HOUR)]


async def test_the_next_of_a_series_reminds_as_the_last_one_did(stage: Stage) -> None:
    owner, due = stage.tenant.people["owner"], ahead(days=2)
    task = await new_task(stage, due, recurrence="FREQ=DAILY")

    following = await read(owner.api, (await change(owner.api, task, status="done"))["next_id"])

    assert following["reminders"] == task["reminders"]
    assert await of(stage, task, owner) == []
    assert await of(stage, following, owner) == [("pending", due + timedelta(days=1) - HOUR)]
