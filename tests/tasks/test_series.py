"""Series of tasks: completing one makes the next, once, at the same hour of the tenant's clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from common.config import Config
from tests.support import things
from tests.support.probes import owner_connection
from tests.support.staff import Staff
from tests.support.world import Api, TestTenant
from tests.tasks.work import TASKS, Item, change, make, read


@pytest.fixture(scope="module")
async def athens(alpha: TestTenant, beta: TestTenant) -> AsyncIterator[None]:
    """Both twins live in Athens, until these tests are over."""
    for twin in (alpha, beta):
        answer = await twin.owner.put("/settings/tenant.time_zone", json={"value": "Europe/Athens"})
        assert answer.status_code == 200
    yield
    for twin in (alpha, beta):
        assert (await twin.owner.delete("/settings/tenant.time_zone")).status_code == 204


async def follower(api: Api, task: Item) -> Item:
    """The task that came after another."""
    following = (await read(api, task))["next_id"]
    assert following is not None
    return await read(api, following)


@pytest.mark.usefixtures("athens")
async def test_completing_a_task_makes_the_next(twin: TestTenant, staff: Staff) -> None:
    task = await make(
        staff.author.api,
        description="every day",
        priority="high",
        assignee_id=staff.outsider.id,
        team_id=staff.team_id,
        start_at="2027-03-27T06:00:00Z",
        due_at="2027-03-27T07:00:00Z",
        tags=["daily"],
        links=[{"type": "booking", "id": "B1"}],
        recurrence="FREQ=DAILY;COUNT=3",
    )

    await change(staff.outsider.api, task, status="done")
    following = await follower(staff.outsider.api, task)

    same = ("title", "description", "priority", "assignee_id", "team_id", "tags", "links", "created_by", "parent_id")
    assert {name: following[name] for name in same} == {name: task[name] for name in same}
    # Nine o'clock in Athens, in summer too.
    assert (following["start_at"], following["due_at"]) == ("2027-03-28T05:00:00Z", "2027-03-28T06:00:00Z")
    assert (following["status"], following["completed_at"], following["version"]) == ("todo", None, 1)
    assert (following["recurrence"], following["previous_id"]) == ("FREQ=DAILY;COUNT=2", task["id"])
    assert (await staff.author.api.get(f"{TASKS}/{following['id']}")).status_code == 200

    await change(staff.outsider.api, following, status="done")
    last = await follower(staff.outsider.api, following)
    await change(staff.outsider.api, last, status="done")
    assert (await read(staff.outsider.api, last))["next_id"] is None


@pytest.mark.usefixtures("athens")
async def test_an_hour_that_a_day_does_not_have_is_kept_for_the_next(twin: TestTenant) -> None:
    task = await make(twin.owner, due_at="2027-03-27T01:30:00Z", recurrence="FREQ=DAILY")  # 03:30

    await change(twin.owner, task, status="done")
    put_off = await follower(twin.owner, task)
    await change(twin.owner, put_off, status="done")
    following = await follower(twin.owner, put_off)

    assert put_off["due_at"] == "2027-03-28T01:30:00Z"  # 04:30: at three, it became four
    assert following["due_at"] == "2027-03-29T00:30:00Z"  # 03:30


@pytest.mark.promise("D4")
async def test_of_many_who_complete_it_one_makes_the_next(twin: TestTenant, config: Config) -> None:
    task = await make(twin.owner, due_at="2031-01-01T09:00:00Z", recurrence="FREQ=WEEKLY")
    address = f"{TASKS}/{task['id']}"

    answers = await asyncio.gather(
        *(twin.owner.patch(address, json={"status": "done"}) for _ in range(16)),
        *(twin.owner.post(f"{address}/move", json={"status": "done"}) for _ in range(8)),
        *(twin.owner.patch(address, json={"status": "todo"}) for _ in range(8)),
    )

    assert {answer.status_code for answer in answers} == {200}
    assert await series(config, twin, task) == 1


async def series(config: Config, twin: TestTenant, task: Item) -> int:
    """How many tasks were ever made after one."""
    async with owner_connection(config, twin.name) as owner:
        return int(await owner.fetchval("SELECT count(*) FROM tasks WHERE previous_id = $1", task["id"]))


async def test_a_task_that_is_completed_again_makes_no_second(twin: TestTenant, config: Config) -> None:
    task = await make(twin.owner, due_at="2031-01-01T09:00:00Z", recurrence="FREQ=WEEKLY")
    await change(twin.owner, task, status="done")
    following = await follower(twin.owner, task)

    await change(twin.owner, task, status="todo")
    await change(twin.owner, task, status="done")
    assert (await follower(twin.owner, task))["id"] == following["id"]
    assert (await twin.owner.delete(f"{TASKS}/{following['id']}")).status_code == 204
    await change(twin.owner, task, status="in_progress")
    await change(twin.owner, task, status="done")

    assert await series(config, twin, task) == 1
    assert (await read(twin.owner, task))["next_id"] is None


async def test_what_is_cancelled_or_repeats_no_more_has_no_next(twin: TestTenant, config: Config) -> None:
    cancelled = await make(twin.owner, due_at="2031-01-01T09:00:00Z", recurrence="FREQ=DAILY")
    ended = await make(twin.owner, due_at="2031-01-01T09:00:00Z", recurrence="FREQ=DAILY;UNTIL=20310101")
    stopped = await make(twin.owner, due_at="2031-01-01T09:00:00Z", recurrence="FREQ=DAILY")

    await change(twin.owner, cancelled, status="cancelled")
    await change(twin.owner, ended, status="done")
    await change(twin.owner, stopped, status="done", recurrence=None)

    assert [await series(config, twin, task) for task in (cancelled, ended, stopped)] == [0, 0, 0]


async def test_who_has_left_gets_no_new_work(twin: TestTenant, config: Config) -> None:
    async with owner_connection(config, twin.name) as owner:
        leaver = await things.insert_user(owner)
        task = await make(twin.owner, assignee_id=leaver, due_at="2031-01-01T09:00:00Z", recurrence="FREQ=DAILY")
        await owner.execute("UPDATE users SET is_active = false WHERE id = $1", leaver)

    done = await change(twin.owner, task, status="done")

    assert (done["assignee_id"], (await follower(twin.owner, task))["assignee_id"]) == (leaver, None)


@pytest.mark.promise("D2")
async def test_a_next_task_is_audited_with_the_change_that_made_it(twin: TestTenant, config: Config) -> None:
    task = await make(twin.owner, due_at="2031-01-01T09:00:00Z", recurrence="FREQ=WEEKLY")
    answer = await twin.owner.patch(f"{TASKS}/{task['id']}", json={"status": "done"})

    async with owner_connection(config, twin.name) as owner:
        rows = await owner.fetch(
            "SELECT action, target_id FROM audit_logs WHERE request_id = $1 ORDER BY seq",
            answer.headers["x-request-id"],
        )
    written: list[tuple[Any, ...]] = [tuple(row) for row in rows]
    assert written == [("tools.task.updated", task["id"]), ("tools.task.created", answer.json()["next_id"])]
