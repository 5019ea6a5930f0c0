"""The platform's own audit log: what is done to tenants and keys, told also when the tenant is gone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DBAPIError

from common.audit import Origin
from common.clock import now
from common.config import Config
from common.ids import new_id
from tests.support.apps import services_of
from tests.support.audit_chain import assert_chain_whole
from tests.support.audit_tampering import CHANGES, OTHER_WAYS
from tests.support.probes import owner_connection
from tests.support.servers import PLATFORM_KEY
from tests.support.world import Api, TestTenant, create_tenant
from users.models import PlatformKey
from users.platform.gate import MAX_ADDRESSES

LOG = "/platform/audit-logs"


@pytest.fixture
def operator(http: httpx.AsyncClient) -> Api:
    """The operator with the first key."""
    return Api(http, {"X-Platform-Key": PLATFORM_KEY})


@pytest.fixture
async def owner(config: Config) -> AsyncIterator[asyncpg.Connection]:
    """The database's owner, in the system schema."""
    async with owner_connection(config, "system") as connection:
        yield connection
        await assert_chain_whole(connection)


async def entries(operator: Api, **query: Any) -> list[dict[str, Any]]:
    """Entries of the log, the oldest first."""
    answer = await operator.get(LOG, params={"sort": "seq", "limit": 200, **query})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


@pytest.mark.promise("D2")
async def test_a_tenants_story_outlives_it(
    http: httpx.AsyncClient, app: FastAPI, operator: Api, owner: asyncpg.Connection
) -> None:
    stories = {}
    for tenant in [await create_tenant(http) for _ in range(2)]:
        name = tenant.name.removeprefix("tenant_")
        path, copy = f"/platform/tenants/{name}", f"{name}_copy"
        for status in ("suspended", "active"):
            assert (await operator.patch(path, json={"status": status})).status_code == 200
        archive = await operator.post(f"{path}/export")
        assert (await operator.post(f"{path}/clone", json={"target": copy})).status_code == 201
        assert (await operator.delete(path)).status_code == 202
        assert (await operator.patch(path, json={"status": "active"})).status_code == 200
        assert (await operator.patch(path, json={"name": f"renamed {name}"})).status_code == 200
        assert (await operator.delete(path, params={"confirm": name})).status_code == 204
        restored = await operator.post("/platform/tenants/import", params={"tenant": name}, content=archive.content)
        assert restored.status_code == 201
        assert (await operator.delete(path)).status_code == 202
        due = now() + timedelta(days=services_of(app).config.tenant_delete_grace_days, seconds=1)
        assert name in await services_of(app).lifecycle.drop_due(due)
        stories[name] = tenant.canary

    for name, title in stories.items():
        story = await entries(operator, tenant_id=f"tenant_{name}")
        assert [item["action"].removeprefix("tenant.") for item in story] == [
            *("created", "suspended", "activated", "exported", "exported", "deletion_ordered", "restored", "updated"),
            *("dropped", "imported", "deletion_ordered", "dropped"),
        ]
        assert {item["target"]["id"] for item in story} == {item["tenant_id"] for item in story} == {name}
        assert {item["actor"]["type"] for item in story[:-1]} == {"platform"}
        assert (story[-1]["actor"]["type"], story[-1]["request_id"]) == ("system", "housekeeping")
        assert story[0]["target"]["name"] == title
        assert story[1]["changes"] == [{"path": "status", "old": "active", "new": "suspended"}]
        (cloned,) = await entries(operator, tenant_id=f"{name}_copy")
        assert (cloned["action"], cloned["changes"][0]["new"]) == ("tenant.cloned", name)


@pytest.mark.promise("D2")
async def test_a_failed_order_leaves_no_entry(http: httpx.AsyncClient, operator: Api, tenant: TestTenant) -> None:
    before = len(await entries(operator, action="tenant.*", tenant_id=tenant.name))
    name = tenant.name.removeprefix("tenant_")

    answers = [
        await operator.patch(f"/platform/tenants/{name}", json={"status": "active"}),  # is it already
        await operator.delete(f"/platform/tenants/{name}", params={"confirm": "another"}),
        await operator.post("/platform/tenants/import", params={"tenant": name}, content=b"no archive"),
        await operator.post("/platform/tenants/nobody_there/export"),
    ]

    assert [answer.status_code for answer in answers] == [200, 400, 422, 404]
    assert len(await entries(operator, action="tenant.*", tenant_id=tenant.name)) == before
    assert await entries(operator, tenant_id="nobody_there") == []


@pytest.mark.promise("I8")
async def test_keys_are_told_of_by_name_and_never_shown(http: httpx.AsyncClient, operator: Api) -> None:
    made = (await operator.post("/platform/keys", json={"name": "night shift"})).json()
    other = Api(http, {"X-Platform-Key": made["key"]})
    victim = (await other.post("/platform/keys", json={"name": "short-lived"})).json()
    assert (await other.delete(f"/platform/keys/{victim['id']}")).status_code == 204

    told = [item for item in await entries(operator, action="platform.key.*") if item["target"]]

    assert [(item["action"], item["target"]["id"], item["actor"]["name"]) for item in told[-3:]] == [
        ("platform.key.created", made["id"], "PLATFORM_API_KEY"),
        ("platform.key.created", victim["id"], "night shift"),
        ("platform.key.revoked", victim["id"], "night shift"),
    ]
    assert told[-1]["actor"]["id"] == made["id"]
    shown = (await operator.get(LOG, params={"limit": 200})).text
    for secret in (made["key"], victim["key"], PLATFORM_KEY):
        assert secret not in shown


async def test_wrong_keys_are_counted_and_told_once_for_each_address(app: FastAPI, operator: Api) -> None:
    keys = services_of(app).platform_keys
    await keys.flush()
    last = (await entries(operator, action="platform.key.refused"))[-1:]
    for wrong in ("x", "spk_wrong", PLATFORM_KEY + "x"):
        assert (await operator.get("/platform/keys", headers={"X-Platform-Key": wrong})).status_code == 401
    assert (await operator.get("/platform/keys", headers={"X-Platform-Key": None})).status_code == 401
    for number in range(MAX_ADDRESSES + 20):
        keys.note_refusal(Origin("a guess", ip_address=f"2001:db8::{number}"))

    await keys.flush()
    await keys.flush()

    told = await entries(operator, action="platform.key.refused")
    told = [item for item in told if not last or item["seq"] > last[0]["seq"]]
    tries = {item["ip_address"]: item["changes"][0]["new"] for item in told}
    assert (tries["203.0.113.7"], tries["2001:db8::0"], tries[None]) == (3, 1, 21)
    assert len(told) == len(tries) == MAX_ADDRESSES + 1
    assert {(item["outcome"], item["actor"]["type"]) for item in told} == {("failure", "anonymous")}


async def test_it_is_filtered(http: httpx.AsyncClient, operator: Api, tenant: TestTenant) -> None:
    created, *_ = await entries(operator, tenant_id=tenant.name)
    moment = created["occurred_at"]

    for query, found in (
        ({"action": "tenant.created"}, True),
        ({"action": "tenant.*"}, True),
        ({"action": "tenant"}, False),
        ({"action": "tenant_*"}, False),
        ({"from": moment}, True),
        ({"to": moment}, False),
        ({"q": tenant.canary.upper()}, True),
        ({"q": "%"}, False),
    ):
        listed = await entries(operator, tenant_id=tenant.name, **query)
        assert (created["id"] in {item["id"] for item in listed}) is found, query
    assert (await operator.get(LOG, params={"tenant_id": "Public"})).status_code == 400
    assert (await operator.get(LOG, params={"from": "yesterday"})).status_code == 422
    assert (await tenant.owner.get(LOG)).status_code == 401


@pytest.mark.promise("D3")
async def test_neither_the_service_nor_the_owner_can_change_it(app: FastAPI, owner: asyncpg.Connection) -> None:
    database, held = services_of(app).database, await owner.fetchval("SELECT count(*) FROM audit_logs")

    for statement in (*CHANGES, *OTHER_WAYS):
        unit = database.system(read_only=False)
        with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
            async with unit:
                await unit.execute(text(statement))
    for statement in CHANGES:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="the audit log cannot be changed"):
            await owner.execute(statement)

    assert await owner.fetchval("SELECT count(*) FROM audit_logs") == held


@pytest.mark.promise("D2")
async def test_a_change_of_the_system_schema_needs_an_entry(app: FastAPI, owner: asyncpg.Connection) -> None:
    database, key_id = services_of(app).database, new_id()
    await owner.execute(
        "INSERT INTO platform_keys (id, name, prefix, digest, created_at) VALUES ($1, 'quiet', 'spk_', $2, now())",
        key_id,
        key_id.bytes,
    )
    rename = update(PlatformKey).where(PlatformKey.id == key_id).values(name="loud")

    with pytest.raises(RuntimeError, match="without an audit entry"):
        async with database.system(read_only=False) as unit:
            await unit.execute(rename)
    assert await owner.fetchval("SELECT name FROM platform_keys WHERE id = $1", key_id) == "quiet"

    async with database.system(read_only=False, origin=Origin("told")) as unit:
        await unit.execute(rename)
        unit.audit("test.renamed")
    assert await owner.fetchval("SELECT name FROM platform_keys WHERE id = $1", key_id) == "loud"
    assert await owner.fetchval("SELECT action FROM audit_logs WHERE request_id = 'told'") == "test.renamed"
    for unit in (database.system(), database.system_bookkeeping()):
        with pytest.raises(AssertionError):
            unit.audit("test.renamed")
    with pytest.raises(DBAPIError, match="permission denied"):
        async with database.system(read_only=False) as unit:
            await unit.execute(delete(PlatformKey))
