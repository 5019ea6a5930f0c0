"""What is special about tasks: who does them, when they are due and done, and how lists of them are narrowed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from common.config import Config
from common.ids import new_id
from tests.support import things
from tests.support.probes import owner_connection
from tests.support.staff import Staff
from tests.support.world import TestTenant
from tests.tasks.work import TASKS, change, make, read, titles


def offset(**difference: float) -> str:
    """A time from now."""
    return (datetime.now(UTC) + timedelta(**difference)).isoformat()


async def test_the_server_knows_when_a_task_was_done(twin: TestTenant) -> None:
    before = datetime.now(UTC)
    task = await make(twin.owner)

    done = await change(twin.owner, task, status="done")
    edited = await change(twin.owner, task, title="still done", status="done")
    reopened = await change(twin.owner, task, status="blocked")

    assert task["completed_at"] is None
    assert before <= datetime.fromisoformat(done["completed_at"]) <= datetime.now(UTC)
    assert edited["completed_at"] == done["completed_at"]
    assert reopened["completed_at"] is None
    assert (await make(twin.owner, status="done"))["completed_at"] is not None
    assert (await twin.owner.patch(f"{TASKS}/{task['id']}", json={"completed_at": offset()})).status_code == 422


async def test_overdue_is_what_should_have_been_done_by_now(tenant: TestTenant) -> None:
    kinds: dict[str, dict[str, Any]] = {
        "late": {"due_at": offset(hours=-1)},
        "later": {"due_at": offset(hours=1)},
        "never": {},
        "done": {"due_at": offset(hours=-1), "status": "done"},
        "cancelled": {"due_at": offset(hours=-1), "status": "cancelled"},
    }
    for title, fields in kinds.items():
        task = await make(tenant.owner, title=title, **fields)
        assert task["is_overdue"] == (title == "late"), title

    assert await titles(tenant.owner, is_overdue="true") == ["late"]
    assert len(await titles(tenant.owner, is_overdue="false")) == 4


@pytest.mark.promise("R1")
async def test_who_is_to_do_a_task_may_read_and_change_it(staff: Staff) -> None:
    task = await make(staff.author.api, assignee_id=staff.outsider.id)
    address = f"{TASKS}/{task['id']}"

    assert (await staff.outsider.api.get(address)).json() == task
    assert task["title"] in await titles(staff.outsider.api, assignee_id="me")
    assert (await staff.outsider.api.patch(address, json={"status": "in_progress"})).status_code == 200
    assert (await staff.colleague.api.get(address)).status_code == 404
    # Handing it on, he sees for the last time what he has written.
    handed_on = await change(staff.outsider.api, task, assignee_id=staff.colleague.id)
    assert handed_on["assignee_id"] == staff.colleague.id
    assert (await staff.outsider.api.get(address)).status_code == 404
    assert (await staff.colleague.api.get(address)).status_code == 200


@pytest.mark.promise("R1")
async def test_the_tasks_of_a_team_are_reached_at_level_team(twin: TestTenant, staff: Staff) -> None:
    ours = await make(twin.owner, team_id=staff.team_id)
    theirs = await make(twin.owner, team_id=staff.other_team_id)

    seen = await titles(staff.manager.api)

    assert ours["title"] in seen
    assert theirs["title"] not in seen
    assert (await staff.author.api.get(f"{TASKS}/{ours['id']}")).status_code == 404  # his level is own


@pytest.mark.promise("T1")
async def test_what_is_not_there_cannot_be_named(
    twin: TestTenant, neighbour: TestTenant, staff: Staff, all_staff: dict[str, Staff], config: Config
) -> None:
    async with owner_connection(config, twin.name) as owner:
        gone, inactive = await things.insert_user(owner, deleted=True), await things.insert_user(owner)
        await owner.execute("UPDATE users SET is_active = false WHERE id = $1", inactive)
    foreign, hidden = await make(neighbour.owner), await make(twin.owner)
    strangers = all_staff[neighbour.name]
    refused = {
        "assignee_id": [strangers.author.id, gone, inactive, str(uuid4())],
        "team_id": [strangers.team_id, str(uuid4())],
        "parent_id": [foreign["id"], hidden["id"], str(uuid4())],
    }
    task = await make(staff.author.api)

    for field, ids in refused.items():
        for given in ids:
            created = await staff.author.api.post(TASKS, json={"title": "never stored", field: given})
            changed = await staff.author.api.patch(f"{TASKS}/{task['id']}", json={field: given})
            for answer in (created, changed):
                assert (answer.status_code, answer.json()["code"]) == (422, "unknown_reference"), (field, given)
                assert answer.json()["errors"][0]["pointer"] == f"/body/{field}"
    assert await read(staff.author.api, task) == task
    assert "never stored" not in await titles(twin.owner, q="never stored")


async def test_an_assignee_who_left_is_kept_until_somebody_else_is_named(
    twin: TestTenant, staff: Staff, config: Config
) -> None:
    async with owner_connection(config, twin.name) as owner:
        leaver = await things.insert_user(owner)
        task = await make(staff.author.api, assignee_id=leaver)
        await owner.execute("UPDATE users SET deleted_at = now() WHERE id = $1", leaver)

    edited = await staff.author.api.put(f"{TASKS}/{task['id']}", json={"title": "edited", "assignee_id": leaver})

    assert (edited.status_code, edited.json()["assignee_id"]) == (200, leaver)


async def test_a_list_is_narrowed_by_every_field(tenant: TestTenant, config: Config) -> None:
    api = tenant.owner
    async with owner_connection(config, tenant.name) as owner:
        user_id, team_id = await things.insert_user(owner), await things.insert_team(owner)
    parent = await make(api, title="parent", priority="urgent", position=5, reminders=[{"offset_minutes": 5}])
    await make(api, title="child", parent_id=parent["id"], assignee_id=user_id, status="blocked", position=7)
    await make(api, title="dated", start_at="2031-01-01T00:00:00Z", due_at="2031-01-02T00:00:00Z", team_id=team_id)
    await make(api, title="repeated", status="done", recurrence="FREQ=DAILY;COUNT=1", priority="low", position=9)
    middle = "2031-01-01T12:00:00Z"

    cases: list[tuple[str, dict[str, Any]]] = [
        ("child repeated", {"status": ["blocked", "done"]}),
        ("parent repeated", {"priority": ["urgent", "low"]}),
        ("child", {"assignee_id": user_id}),
        ("dated parent repeated", {"assignee_id": "none"}),
        ("", {"assignee_id": "me"}),
        ("dated", {"team_id": team_id}),
        ("child parent repeated", {"team_id": "none"}),
        ("child", {"parent_id": parent["id"]}),
        ("dated parent repeated", {"parent_id": "none"}),
        ("dated", {"due_after": middle}),
        ("", {"due_before": middle}),
        ("dated", {"start_before": middle}),
        ("", {"start_after": middle}),
        ("repeated", {"completed_after": "2020-01-01T00:00:00Z"}),
        ("", {"completed_before": "2020-01-01T00:00:00Z"}),
        ("repeated", {"is_recurring": "true"}),
        ("parent", {"has_reminders": "true"}),
        ("child", {"position_after": 5, "position_before": 9}),
        ("child", {"position": 7}),
        ("dated", {"start_at": "2031-01-01T02:00:00+02:00", "due_at": "2031-01-02T00:00:00Z"}),
        ("", {"due_at": middle}),
        ("", {"completed_at": middle}),
        ("parent", {"title": "PAREN"}),
        ("", {"title": "%"}),
        ("", {"description": "parent"}),
        ("repeated", {"recurrence": "FREQ=DAILY;COUNT=1"}),
        ("", {"tags": "vip"}),
        ("parent", {"q": "PARE"}),
    ]
    for expected, query in cases:
        assert sorted(await titles(api, **query)) == expected.split(), query
    for query in (
        {"status": "open"},
        {"assignee_id": "nobody"},
        {"due_before": "today"},
        {"due_at": "5"},
        {"position_after": "NaN"},
    ):
        assert (await api.get(TASKS, params=query)).status_code == 422, query


@pytest.mark.promise("S7")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""),
        ("title", "x" * 201),
        ("description", "x" * 1_000_000),
        ("description", "a\0b"),
        ("status", "open"),
        ("priority", 3),
        ("assignee_id", "me"),
        ("due_at", "2031-01-01"),
        ("due_at", "2031-01-01T00:00:00"),
        ("due_at", "0001-01-01T00:00:00+14:00"),
        ("due_at", "9999-12-31T23:59:59-14:00"),
        ("due_at", 10**400),
        ("due_at", 5),
        ("position", 1e300),
        ("position", "NaN"),
        ("recurrence", "FREQ=SECONDLY"),
        ("recurrence", "FREQ=DAILY;BYHOUR=1"),
        ("recurrence", ""),
        ("recurrence", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"),
        ("recurrence", "FREQ=DAILY;BYMONTH=" + ",".join(["1"] * 500)),
        ("reminders", [{"offset_minutes": -1}]),
        ("reminders", [{"offset_minutes": number} for number in range(6)]),
        ("reminders", [{"offset_minutes": 5, "to": "everybody"}]),
        ("tags", [f"t{number}" for number in range(21)]),
    ],
)
async def test_what_is_too_much_or_nothing_is_refused(alpha: TestTenant, field: str, value: object) -> None:
    answer = await alpha.owner.post(TASKS, json={"title": "fine", field: value})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith(f"/body/{field}")


async def test_nothing_is_due_before_it_starts(twin: TestTenant) -> None:
    task = await make(twin.owner, start_at="2031-01-02T00:00:00Z")

    refused = [
        await twin.owner.post(TASKS, json={"title": "x", "start_at": offset(hours=2), "due_at": offset(hours=1)}),
        await twin.owner.patch(f"{TASKS}/{task['id']}", json={"due_at": "2031-01-01T00:00:00Z"}),
    ]

    for answer in refused:
        (error,) = answer.json()["errors"]
        assert (answer.status_code, error["code"], error["pointer"]) == (422, "due_before_start", "/body/due_at")
    assert (await change(twin.owner, task, start_at=None, due_at="2031-01-01T00:00:00Z"))["start_at"] is None


async def test_put_leaves_a_task_in_its_place(twin: TestTenant) -> None:
    task = await make(twin.owner, position=77.25)

    replaced = await twin.owner.put(f"{TASKS}/{task['id']}", json={"title": "new"})
    placed = await twin.owner.put(f"{TASKS}/{task['id']}", json={"title": "new", "position": 3})

    assert (replaced.json()["position"], placed.json()["position"]) == (77.25, 3)
    assert (await make(twin.owner))["position"] > 77.25


async def test_a_list_by_due_date_walks_an_index(tenant: TestTenant, config: Config) -> None:
    """Of what is due next, wherever what is never due stands."""
    async with owner_connection(config, tenant.name) as owner:
        await owner.executemany(
            "INSERT INTO tasks (id, title, due_at) VALUES ($1, 'x', $2)",
            [(new_id(), datetime.now(UTC) + timedelta(hours=n) if n % 2 else None) for n in range(2000)],
        )
        await owner.execute("ANALYZE tasks")
        plan = await owner.fetch(
            """EXPLAIN SELECT id FROM tasks WHERE deleted_at IS NULL
               ORDER BY coalesce(due_at, 'infinity'::timestamptz), id LIMIT 50"""
        )
    assert any("ix_tasks_due_at_id" in row[0] for row in plan)
