"""A tenant is moved to another server while the service runs."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial
from typing import Any

import httpx
import pytest

import main
from common.outbox.worker import OutboxWorker
from tests.manage.commands import CommandLine
from tests.shards.pair import SHARDS, Pair
from tests.support.apps import services_of
from tests.support.waiting import until
from tests.support.world import TestTenant


async def test_a_moved_tenant_is_what_it_was_there_and_back(pair: Pair) -> None:
    tenant = await pair.tenant("default")
    await pair.fill(tenant)
    for source, target in (SHARDS, SHARDS[::-1]):
        before = await pair.log_of(tenant, source)

        moved = await pair.move(tenant, target)

        assert moved is not None
        assert (moved.source, moved.target) == (source, target)
        assert await pair.log_of(tenant, target) == before
        await pair.assert_whole(tenant, target)
    log = (await pair.operator.get("/platform/audit-logs", params={"action": "tenant.moved"})).json()["items"]
    shards = [entry["changes"][0] for entry in log if entry["tenant_id"] == tenant.name.removeprefix("tenant_")]
    assert [(change["old"], change["new"]) for change in shards] == [SHARDS[::-1], SHARDS]


async def test_the_command_says_what_it_did(pair: Pair) -> None:
    tenant = await pair.tenant("north")
    await pair.fill(tenant)
    shards = pair.config.database_shards
    assert shards is not None
    command = CommandLine(pair.config, DATABASE_SHARDS=shards.get_secret_value())

    unknown = await command.run("tenants", "move", tenant.name, "--to", "west")
    done = (await command.run("tenants", "move", tenant.name, "--to", "default", "--keep", "--json")).json
    left = (await command.run("tenants", "leftovers", "--json")).json
    again = (await command.run("tenants", "move", tenant.name, "--to", "default", "--keep", "--json")).json
    dropped = (await command.run("tenants", "leftovers", "--drop", "--json")).json

    assert unknown.failure == "There is no shard 'west': there are default, north."
    assert (done["moved"], done["source"], done["target"], done["jobs"]) == (True, "north", "default", 0)
    assert done["rows"] > 100
    assert left == dropped == [{"shard": "north", "tenant_id": tenant.name, "lives_on": "default"}]
    assert again["moved"] is False
    await pair.assert_whole(tenant, "default")
    assert (await command.run("tenants", "leftovers", "--json")).json == []


class Writer:
    """Somebody who writes notes without a pause, and remembers every answer."""

    def __init__(self, tenant: TestTenant) -> None:
        self.tenant = tenant
        self.written: set[str] = set()
        self.answers: Counter[tuple[int, str]] = Counter()
        self.stop = False

    async def run(self) -> None:
        while not self.stop:
            answer = await self.tenant.owner.post("/tools/notes", json={"title": "in the ledger"})
            self.answers[answer.status_code, answer.json().get("code", "")] += 1
            if answer.status_code == 201:
                self.written.add(answer.json()["id"])
            elif "Retry-After" not in answer.headers:
                self.answers[0, "no Retry-After"] += 1

    async def stored(self) -> set[str]:
        """The ids of what is there now."""
        found: set[str] = set()
        parameters: dict[str, Any] = {"limit": 200}
        while True:
            page = (await self.tenant.owner.get("/tools/notes", params=parameters)).json()
            found |= {item["id"] for item in page["items"]}
            if page["next_cursor"] is None:
                return found
            parameters["cursor"] = page["next_cursor"]


@pytest.mark.promise("D1")
async def test_no_acknowledged_write_is_lost_and_nobody_else_notices(pair: Pair) -> None:
    tenant = await pair.tenant("default")
    moved, others = Writer(tenant), [Writer(pair.tenants[shard][0]) for shard in SHARDS]
    tasks = [asyncio.create_task(writer.run()) for writer in (moved, moved, moved, *others)]
    for target in ("north", "default", "north"):
        await asyncio.sleep(0.5)
        await pair.move(tenant, target)
    await asyncio.sleep(0.5)
    for writer in (moved, *others):
        writer.stop = True
    await asyncio.gather(*tasks)

    assert await moved.stored() == moved.written
    assert {status for status, _ in moved.answers} == {201, 503}
    assert {code for status, code in moved.answers if status == 503} <= {"tenant_moving", "database_unavailable"}
    assert [{status for status, _ in writer.answers} for writer in others] == [{201}, {201}]
    assert (await tenant.owner.post("/settings/audit-logs/verify")).json()["ok"]


@pytest.mark.promise("S8")
async def test_jobs_move_along_and_each_mail_is_sent_once(pair: Pair) -> None:
    tenant = await pair.tenant("default")
    services = services_of(pair.app)
    handlers = {kind: partial(handler, services) for kind, handler in main.JOB_HANDLERS.items()}
    workers = [OutboxWorker(partial(services.database.system_bookkeeping, name), handlers, name) for name in SHARDS]
    invited = [f"guest{number}@twin.example" for number in range(12)]
    for address in invited:
        made = await tenant.owner.post("/users/invitations", json={"email": address, "role_ids": [], "team_ids": []})
        assert made.status_code == 201, made.text
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    await asyncio.sleep(0.05)

    done = await pair.move(tenant, "north")

    assert done is not None
    await until_no_job_is_left(pair)
    for task in tasks:
        task.cancel()
    mails = [path.read_text() for path in (pair.config.data_dir / "mail").glob("*.eml")]
    sent = Counter(address for mail in mails for address in invited if f"To: {address}" in mail)
    assert sent == Counter(invited)


async def until_no_job_is_left(pair: Pair) -> None:
    """Wait for the workers; what failed in between is due at once."""

    async def is_empty() -> bool:
        left = 0
        for shard in SHARDS:
            async with pair.owner(shard) as owner:
                await owner.execute("UPDATE system.outbox SET run_at = now() WHERE locked_until IS NULL")
                left += await owner.fetchval("SELECT count(*) FROM system.outbox")
        return left == 0

    await until(is_empty)


async def test_a_move_that_fails_is_taken_back(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the audit log is not whole, which the copy is found not to be either."""
    tenant = await pair.tenant("default")
    await pair.fill(tenant)
    async with pair.owner("default") as owner:
        await owner.execute(f"ALTER TABLE {tenant.name}.audit_logs DISABLE TRIGGER USER")
        await owner.execute(f"UPDATE {tenant.name}.audit_logs SET action = 'innocent' WHERE seq = 2")

        with pytest.raises(Exception, match="audit"):
            await pair.move(tenant, "north")

        await owner.execute(f"ALTER TABLE {tenant.name}.audit_logs ENABLE TRIGGER USER")
    assert (await tenant.owner.get("/tools/notes")).status_code == 200
    assert await pair.schemas("default", tenant) == {tenant.name}


async def test_what_a_moving_tenant_is_told(pair: Pair) -> None:
    """And that nobody changes, exports or drops it meanwhile."""
    tenant = await pair.tenant("north")
    path = f"/platform/tenants/{tenant.name}"
    async with pair.owner("default") as owner:
        await owner.execute("UPDATE system.tenants SET moving_to = 'default' WHERE schema_name = $1", tenant.name)
        await owner.execute("SELECT pg_notify('system_service', $1)", f'[["system/tenants","{tenant.name}"]]')
    await asyncio.sleep(1)
    answers: list[httpx.Response] = [
        await tenant.owner.get("/users"),
        await tenant.anonymous.post("/auth/login", json={"username": "owner", "password": "x" * 12}),
        await pair.operator.patch(path, json={"status": "suspended"}),
        await pair.operator.post(f"{path}/export"),
        await pair.operator.delete(path, params={"confirm": tenant.name}),
    ]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(503, "tenant_moving")}

    assert await pair.move(tenant, "north") is None  # taken back

    assert (await tenant.owner.get("/users")).status_code == 200
