"""The board, and moving tasks on it."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from common.config import Config
from common.enums import TaskStatus
from tests.support.contracts.lists import GUARDS
from tests.support.probes import owner_connection, watched
from tests.support.staff import Staff
from tests.support.world import Api, TestTenant
from tests.tasks.work import TASKS, Item, make, read
from tools.tasks.positions import MIN_GAP, between, spread

BOARD = f"{TASKS}/board"


async def board(api: Api, **query: object) -> dict[str, Any]:
    """The columns by their status."""
    answer = await api.get(BOARD, params=query)
    assert answer.status_code == 200, answer.text
    return {column["status"]: column for column in answer.json()["columns"]}


async def column(api: Api, status: str = "todo") -> list[str]:
    """The titles in a column, from the top."""
    return [task["title"] for task in (await board(api, limit=200))[status]["tasks"]]


async def move(api: Api, task: Item, **where: object) -> Item:
    """Move a task."""
    answer = await api.post(f"{TASKS}/{task['id']}/move", json=where)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_the_columns_come_in_their_order_with_counts(tenant: TestTenant) -> None:
    for status in ("done", "todo", "todo", "todo", "blocked"):
        await make(tenant.owner, status=status, tags=[status])

    shown = await board(tenant.owner, limit=2)

    assert list(shown) == list(TaskStatus)
    assert [(item["count"], len(item["tasks"])) for item in shown.values()] == [(3, 2), (0, 0), (1, 1), (1, 1), (0, 0)]
    assert shown["blocked"]["tasks"][0] == await read(tenant.owner, shown["blocked"]["tasks"][0]["id"])
    assert list(await board(tenant.owner, status=["done", "todo"])) == ["todo", "done"]
    assert [item["count"] for item in (await board(tenant.owner, tag="done")).values()] == [0, 0, 0, 1, 0]
    for query in ({"limit": 0}, {"limit": 201}, {"cursor": "x"}, {"sort": "title"}, {"status": "open"}):
        assert (await tenant.owner.get(BOARD, params=query)).status_code == 422, query


@pytest.mark.promise("R1")
async def test_a_board_shows_what_one_may_read(twin: TestTenant, staff: Staff) -> None:
    theirs, mine = await make(twin.owner), await make(staff.author.api)

    shown = await column(staff.author.api)

    assert mine["title"] in shown
    assert theirs["title"] not in shown
    assert (await board(staff.outsider.api, q=mine["title"]))["todo"]["count"] == 0


async def test_a_large_board_costs_as_many_statements_as_a_small_one(tenant: TestTenant, app: FastAPI) -> None:
    counts = []
    for _ in range(2):
        with watched(app) as traffic:
            await board(tenant.owner)
        counts.append(len([text for text in traffic.statements if not GUARDS.search(text)]))
        for status in TaskStatus:
            await make(tenant.owner, status=status, links=[{"type": "booking", "id": "1"}])

    assert counts == [2, 2]


async def test_a_task_goes_where_it_is_dropped(tenant: TestTenant) -> None:
    api = tenant.owner
    a, b, c = [await make(api, title=title) for title in "abc"]
    other = await make(api, title="d", status="done")

    await move(api, c, before_id=a["id"])
    assert await column(api) == ["c", "a", "b"]
    await move(api, c, after_id=a["id"])
    assert await column(api) == ["a", "c", "b"]
    await move(api, a)
    assert await column(api) == ["c", "b", "a"]
    moved = await move(api, a, status="done", before_id=other["id"])
    assert (await column(api), await column(api, "done")) == (["c", "b"], ["a", "d"])
    assert moved["completed_at"] is not None
    assert (await move(api, b, status="blocked"))["status"] == "blocked"


async def test_who_stays_where_he_is_is_not_changed(tenant: TestTenant) -> None:
    a, b, c = [await make(tenant.owner, title=title) for title in "abc"]

    for where in ({"before_id": c["id"]}, {"after_id": a["id"]}):
        assert await move(tenant.owner, b, **where) == b
    assert await move(tenant.owner, c) == c


async def test_a_move_needs_a_neighbour_that_is_there(twin: TestTenant, neighbour: TestTenant, staff: Staff) -> None:
    mine, hidden, foreign = await make(staff.author.api), await make(twin.owner), await make(neighbour.owner)
    done = await make(staff.author.api, status="done")
    address = f"{TASKS}/{mine['id']}/move"

    for field in ("before_id", "after_id"):
        for other in (hidden, foreign, mine):
            answer = await staff.author.api.post(address, json={field: other["id"]})
            assert (answer.status_code, answer.json()["code"]) == (422, "unknown_reference")
            assert answer.json()["errors"][0]["pointer"] == f"/body/{field}"
        answer = await staff.author.api.post(address, json={field: done["id"]})
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    both = await staff.author.api.post(address, json={"before_id": done["id"], "after_id": done["id"]})
    stale = await staff.author.api.post(address, json={"status": "done"}, headers={"If-Match": '"v7"'})
    strange = await staff.author.api.post(f"{TASKS}/{hidden['id']}/move", json={"status": "done"})
    refused = await staff.reader.api.post(address, json={"status": "done"})
    assert [answer.status_code for answer in (both, stale, strange, refused)] == [422, 412, 404, 403]
    assert await read(staff.author.api, mine) == mine


async def test_dropping_at_one_place_again_and_again_makes_room(tenant: TestTenant, config: Config) -> None:
    """Each drop halves the gap; the 40th would find none if nobody moved away."""
    api = tenant.owner
    tasks = [await make(api, title=f"{number:02}") for number in range(4)]
    for _ in range(22):
        await move(api, tasks[3], after_id=tasks[0]["id"])
        await move(api, tasks[2], after_id=tasks[0]["id"])

    shown = (await board(api))["todo"]["tasks"]
    assert [task["title"] for task in shown] == ["00", "02", "03", "01"]
    assert len({task["position"] for task in shown}) == 4
    async with owner_connection(config, tenant.name) as owner:
        assert await owner.fetchval("SELECT count(*) FROM audit_logs WHERE action = 'tools.task.reordered'") >= 1


async def test_a_heap_of_equal_positions_is_spread(tenant: TestTenant) -> None:
    api = tenant.owner
    heap = [await make(api, title=f"{number:02}", position=1) for number in range(40)]
    last = await make(api, title="last", position=1.001)

    moved = await move(api, last, after_id=heap[2]["id"])

    assert await column(api) == ["00", "01", "02", "last", *(f"{number:02}" for number in range(3, 40))]
    assert (await read(api, heap[39]))["version"] == 2  # it answers another position now
    assert (await read(api, heap[39]))["updated_at"] == heap[39]["updated_at"]
    assert moved["version"] == 2


@pytest.mark.promise("D4")
async def test_of_many_who_drag_at_once_nobody_loses_his_place(tenant: TestTenant) -> None:
    api, chosen = tenant.owner, random.Random(5)
    tasks = [await make(api, title=f"{number:02}", position=number // 4 * 0.001) for number in range(32)]
    statuses = ["todo", "in_progress"]

    def where() -> dict[str, object]:
        return chosen.choice(
            [
                {"before_id": tasks[0]["id"], "status": "todo"},
                {"after_id": tasks[1]["id"], "status": "todo"},
                {"status": chosen.choice(statuses)},
                {},
            ]
        )

    answers = await asyncio.gather(
        *(api.post(f"{TASKS}/{task['id']}/move", json=where()) for task in tasks),
        *(api.patch(f"{TASKS}/{task['id']}", json={"title": f"{task['title']} edited"}) for task in tasks[::4]),
    )

    # A neighbour may have left the column, and nobody stands beside himself.
    assert {answer.status_code for answer in answers} <= {200, 409, 422}
    assert len([answer for answer in answers if answer.status_code == 200]) > 24
    shown = [task for item in (await board(api, limit=200)).values() for task in item["tasks"]]
    assert len({task["id"] for task in shown}) == len(shown) == 32
    moved = {answer.json()["id"] for answer in answers if answer.status_code == 200 and "move" in str(answer.url)}
    places = [(task["status"], task["position"]) for task in shown if task["id"] in moved]
    assert len(set(places)) == len(places) == len(moved)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=60), st.integers(1, 40))
def test_any_moves_leave_an_order_without_ties(moves: list[tuple[int, int]], size: int) -> None:
    """The arithmetic by itself: a list that is told where to insert, and positions that must agree with it."""
    column = [1.0 + MIN_GAP * number for number in range(size)]
    for source, target in moves:
        column.pop(source % len(column))
        place = target % (len(column) + 1)
        left = column[place - 1] if place else None
        right = column[place] if place < len(column) else None
        position = between(left, right)
        if position is None:
            assert left is not None
            behind = column[place:]
            new = spread(len(behind) + 1, left, None)
            assert new is not None
            position, column[place:] = new[0], new[1:]
        column.insert(place, position)
        assert column == sorted(set(column))
