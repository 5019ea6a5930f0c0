"""Comments: who reads and who writes them, and whom they mention."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from common.config import Config
from common.ids import new_id
from tests.support import things
from tests.support.contracts import (
    ConcurrencyContract,
    CrudContract,
    GrowingListContract,
    IdempotencyContract,
    PermissionContract,
    Resource,
    Row,
    TenantIsolationContract,
)
from tests.support.contracts.resource import OPERATIONS, Body, moment
from tests.support.post import PostOffice
from tests.support.probes import owner_connection
from tests.support.staff import Staff
from tests.support.world import Api, TestTenant, create_tenant
from tests.tasks.work import TASKS, Item, change, make, read
from tools.tasks.comments.mentions import read_names

TASK = UUID("01890000-0000-7000-8000-00000000c0de")  # the same in every tenant, so that its path can be


async def say(api: Api, task: Item, body: str) -> Item:
    """A new comment."""
    answer = await api.post(f"{TASKS}/{task['id']}/comments", json={"body": body})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def at(comment: Item) -> str:
    """A comment's path."""
    return f"{TASKS}/{comment['task_id']}/comments/{comment['id']}"


class TestComments(CrudContract, ConcurrencyContract, IdempotencyContract, PermissionContract, TenantIsolationContract):
    """One comment."""

    template = "/tools/tasks/{task_id}/comments"
    resource = Resource(
        path=f"{TASKS}/{TASK}/comments",
        permission="tasks",
        body=lambda word: {"body": f"Σχόλιο {word}\n\nof two lines"},
        replacement=lambda word: {"body": word},
        change={"body": "Other words"},
        defaults={},
    )

    async def make(self, api: Api) -> Body:
        """A comment on the task that is made for the first."""
        answer = await api.get(f"{TASKS}/{TASK}")
        assert answer.status_code == 200
        return await super().make(api)

    @pytest.fixture(autouse=True)
    @staticmethod
    async def commented(config: Config, alpha: TestTenant, beta: TestTenant) -> None:
        """In each twin a task to comment on."""
        for twin in (alpha, beta):
            async with owner_connection(config, twin.name) as owner:
                await owner.execute("INSERT INTO tasks (id, title) VALUES ($1, 'x') ON CONFLICT DO NOTHING", TASK)

    async def test_of_two_who_change_the_same_version_one_loses(self, api: Api) -> None:
        """There is one field only, so both change that."""
        item = await self.make(api)

        answers = await asyncio.gather(
            *(api.put(self.at(item), json={"body": word}, headers={"If-Match": '"v1"'}) for word in ("a", "b"))
        )

        assert sorted(answer.status_code for answer in answers) == [200, 412]

    async def test_who_lacks_the_permission_is_told_its_name(  # type: ignore[override] # pytest finds the arguments
        self, api: Api, home: TestTenant, all_staff: dict[str, Staff]
    ) -> None:
        """It is that of the task: to read it, or to change tasks."""
        item = await self.make(api)

        for method, addresses_item, action in OPERATIONS:
            path = self.at(item) if addresses_item else self.resource.path
            reads = action == "read"
            stranger = all_staff[home.name].nobody if reads else home.people["viewer"]
            answer = await stranger.api.request(method, path, json=self.valid(method))
            assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied"), (method, path)
            assert f"tasks:{'read' if reads else 'update'}" in answer.json()["detail"]
        assert (await api.get(self.at(item))).json() == item


class TestListOfComments(GrowingListContract):
    """Many comments."""

    template = "/tools/tasks/{task_id}/comments"
    path: ClassVar[str] = f"{TASKS}/{TASK}/comments"
    sorts = ("created_at", "updated_at")

    @pytest.fixture(scope="module")
    @staticmethod
    async def listed(http: httpx.AsyncClient, config: Config) -> TestTenant:
        """A tenant with a task and sixty comments on it."""
        tenant = await create_tenant(http)
        rows = [Row(f"comment{number}", f"number {number}", moment(number // 4)) for number in range(60)]
        async with owner_connection(config, tenant.name) as owner:
            await owner.execute("INSERT INTO tasks (id, title) VALUES ($1, 'x')", TASK)
            await TestListOfComments.insert(owner, rows)
        return tenant

    @staticmethod
    async def insert(connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        """Plain comments."""
        await connection.executemany(
            """INSERT INTO task_comments (id, task_id, body, created_at, updated_at)
               VALUES ($1, $2, $3, $4, $4)""",
            [(new_id(), TASK, f"{row.word}: {row.text}", row.created_at) for row in rows],
        )


@pytest.mark.promise("R1")
async def test_who_reads_a_task_reads_its_comments_and_may_answer(twin: TestTenant, staff: Staff) -> None:
    task = await make(twin.owner, assignee_id=staff.author.id, team_id=staff.team_id)
    comment = await say(staff.author.api, task, "Done?")

    for reader in (staff.manager, staff.reader):
        assert (await reader.api.get(at(comment))).json() == comment
        assert (await reader.api.get(f"{TASKS}/{task['id']}/comments")).json()["items"][0] == comment
        await say(reader.api, task, "No.")
    for stranger in (staff.colleague, staff.outsider):
        for method, path in (
            ("GET", at(comment)),
            ("GET", f"{TASKS}/{task['id']}/comments"),
            ("POST", f"{TASKS}/{task['id']}/comments"),
            ("PATCH", at(comment)),
            ("DELETE", at(comment)),
        ):
            body = {"body": "x"} if method in {"POST", "PATCH"} else None
            answer = await stranger.api.request(method, path, json=body)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), (method, path)
    viewer = await twin.people["viewer"].api.post(f"{TASKS}/{task['id']}/comments", json={"body": "x"})
    assert viewer.status_code == 403
    empty = await make(twin.owner)
    assert (await twin.owner.get(f"{TASKS}/{empty['id']}/comments")).json()["items"] == []


@pytest.mark.promise("R1")
async def test_what_somebody_said_only_he_changes_and_who_changes_the_task_takes_away(
    twin: TestTenant, staff: Staff
) -> None:
    task = await make(twin.owner, assignee_id=staff.author.id, team_id=staff.team_id)
    comment = await say(staff.author.api, task, "First words")

    for other in (twin.owner, staff.manager.api, staff.reader.api):
        answer = await other.patch(at(comment), json={"body": "His words, not mine"})
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert (await staff.reader.api.delete(at(comment))).status_code == 403
    assert (await staff.author.api.get(at(comment))).json() == comment
    assert (await staff.manager.api.delete(at(comment))).status_code == 204
    own = await say(staff.reader.api, task, "Mine")
    assert (await staff.reader.api.delete(at(own), headers={"If-Match": '"v2"'})).status_code == 412
    assert (await staff.reader.api.delete(at(own))).status_code == 204


@pytest.mark.promise("T1")
async def test_a_comment_belongs_to_its_task(twin: TestTenant, neighbour: TestTenant) -> None:
    task, other, foreign = await make(twin.owner), await make(twin.owner), await make(neighbour.owner)
    comment = await say(twin.owner, task, "here")
    strange = await say(neighbour.owner, foreign, "elsewhere")

    for path in (
        f"{TASKS}/{other['id']}/comments/{comment['id']}",
        f"{TASKS}/{task['id']}/comments/{strange['id']}",
        at(strange),
        f"{TASKS}/{foreign['id']}/comments",
        f"{TASKS}/{uuid4()}/comments",
    ):
        assert (await twin.owner.get(path)).status_code == 404, path
    await twin.owner.delete(f"{TASKS}/{task['id']}")
    assert (await twin.owner.get(at(comment))).status_code == 404
    assert (await twin.owner.post(f"{TASKS}/{task['id']}/comments", json={"body": "x"})).status_code == 404


@pytest.mark.parametrize("body", ["", "   ", "x" * 10_001, "a\0b", None, 5])
async def test_a_comment_says_something_and_not_too_much(alpha: TestTenant, body: object) -> None:
    task = await make(alpha.owner)

    answer = await alpha.owner.post(f"{TASKS}/{task['id']}/comments", json={"body": body})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/body/body")


def test_names_are_read_from_a_text() -> None:
    assert read_names("@maria and @Nick.") == [("maria",), ("nick.", "nick")]
    assert read_names("mail maria@example.com, @@maria, a.@maria, @ab, x@y") == []
    assert read_names("(@maria) @maria: @maria-1...") == [
        ("maria",),
        ("maria-1...", "maria-1..", "maria-1.", "maria-1"),
    ]


async def test_who_may_read_the_task_can_be_mentioned(twin: TestTenant, neighbour: TestTenant, staff: Staff) -> None:
    task = await make(staff.author.api, team_id=staff.team_id)
    names = [staff.manager.username, staff.colleague.username, staff.reader.username, "owner", "nosuchuser"]

    comment = await say(staff.author.api, task, " ".join(f"@{name.upper()}," for name in [*names, names[0]]))

    mentioned = {item["username"]: item["id"] for item in comment["mentions"]}
    assert mentioned == {  # the colleague's level is own
        staff.manager.username: staff.manager.id,
        staff.reader.username: staff.reader.id,
        "owner": twin.people["owner"].id,
    }
    assert list(mentioned) == sorted(mentioned)
    edited = await staff.author.api.patch(at(comment), json={"body": f"only @{names[0]}"})
    assert [item["id"] for item in edited.json()["mentions"]] == [staff.manager.id]


async def test_too_many_cannot_be_mentioned_at_once(tenant: TestTenant, config: Config) -> None:
    task = await make(tenant.owner)
    async with owner_connection(config, tenant.name) as owner:
        await owner.executemany(
            """INSERT INTO users (id, email, email_normalized, username, username_normalized)
               VALUES ($1, $2, $2, $2, $2)""",
            [(new_id(), f"crowd{number}") for number in range(21)],
        )

    answer = await tenant.owner.post(
        f"{TASKS}/{task['id']}/comments", json={"body": " ".join(f"@crowd{number}" for number in range(21))}
    )

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "too_many_mentions")
    assert (await tenant.owner.get(f"{TASKS}/{task['id']}/comments")).json()["items"] == []


async def test_who_is_mentioned_gets_one_mail_in_his_language(office: PostOffice, branch: TestTenant) -> None:
    people = branch.people
    async with owner_connection(office.config, branch.name) as owner:
        name = await things.insert_login(owner, "member")
        greek = await owner.fetchrow("UPDATE users SET locale = 'el' WHERE username = $1 RETURNING id, email", name)
    task = await make(branch.owner, title="Call the hotel", assignee_id=str(greek["id"]))

    comment = await say(branch.owner, task, f"@{name} and @owner: <b>late</b>")
    (letter,) = await office.deliver()
    assert (letter.to, letter.page) == (greek["email"], f"/tasks/{task['id']}")
    assert letter.subject == "Σας ανέφεραν: Call the hotel"
    assert "<b>late</b>" in letter.body()
    assert "&lt;b&gt;late&lt;/b&gt;" in letter.body("html")

    for body in (f"@{name}, @viewer too", "nobody", f"@{name} once more"):
        assert (await branch.owner.patch(at(comment), json={"body": body})).status_code == 200
    # The viewer was mentioned for a moment only, and the other one has his mail.
    assert await office.deliver() == []

    await say(branch.owner, task, "@viewer")
    (english,) = await office.deliver()
    assert (english.to, english.subject) == (people["viewer"].email, "You were mentioned: Call the hotel")
    assert f"Owner {branch.canary} mentioned you" in english.body()


async def test_who_may_not_read_any_more_gets_no_mail(office: PostOffice, branch: TestTenant) -> None:
    task = await make(branch.owner, assignee_id=branch.people["member"].id)
    await say(branch.owner, task, "@member, look")

    await change(branch.owner, task, assignee_id=None)

    assert await office.deliver() == []
    assert await office.jobs() == []
    assert (await read(branch.owner, task))["assignee_id"] is None
