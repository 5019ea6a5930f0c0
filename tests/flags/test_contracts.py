"""What feature flags promise as all resources do. They go by their keys."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import asyncpg
import httpx
import pytest

from common.config import Config
from common.ids import new_id
from tests.flags.flags import FLAGS, SWITCHED, flag, set_version
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
from tests.support.contracts.resource import WRITES, Body, etag, moment
from tests.support.probes import owner_connection
from tests.support.world import Api, TestTenant, create_tenant


def replacement(_word: str) -> Body:
    """A valid body for PUT without any optional field."""
    return {"variants": {"a": 1, "b": 2.5}}


class TestFlags(CrudContract, ConcurrencyContract, IdempotencyContract, PermissionContract, TenantIsolationContract):
    """One flag."""

    resource = Resource(
        path="/settings/feature-flags",
        permission="flags",
        body=lambda word: flag(key=f"flag-{word}"),
        replacement=replacement,
        change={
            "state": "DISABLED",
            "targeting": {"if": [{"==": [{"var": "tier"}, "gold"]}, "on", None]},
            "metadata": {"team": "booking", "size": 2.5, "draft": True},
            "description": "Changed",
        },
        defaults={
            "state": "ENABLED",
            "default_variant": None,
            "targeting": None,
            "metadata": {},
            "description": "",
            "switch_at": None,
            "switch_to": None,
        },
        refused={"read": "member", "create": "manager", "update": "manager", "delete": "manager"},
        identity="key",
    )

    @pytest.mark.parametrize("method", ["GET", *WRITES])
    async def test_an_id_is_a_uuid_and_must_exist(self, api: Api, method: str) -> None:
        """Here it is a key."""
        unknown = await api.request(method, f"{FLAGS}/nothing-here", json=self.valid(method))
        assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")

        for malformed in ("-", "%20a", "a%0A", "a%00", "é", "a" * 129, "a%2Fb"):
            answer = await api.request(method, f"{FLAGS}/{malformed}", json=self.valid(method))
            assert answer.status_code in {404, 405, 422}, malformed

    @pytest.mark.promise("R3")
    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
    async def test_a_field_nobody_declared_is_refused(self, api: Api, method: str) -> None:
        await super().test_a_field_nobody_declared_is_refused(api, method)
        if method != "POST":
            item = await self.make(api)
            answer = await api.request(method, self.at(item), json={**(self.valid(method) or {}), "key": "another"})
            assert answer.json()["errors"][0]["pointer"] == "/body/key"

    async def test_a_key_is_taken_once(self, api: Api) -> None:
        item = await self.make(api)

        answer = await api.post(FLAGS, json=flag(key=item["key"]))

        assert (answer.status_code, answer.json()["code"]) == (409, "flag_exists")

    @pytest.mark.promise("D4")
    @pytest.mark.parametrize("way", ["single", "document"])
    async def test_a_key_that_is_used_again_has_a_version_it_never_had(self, tenant: TestTenant, way: str) -> None:
        """Otherwise whoever remembers the old flag could overwrite the new one, or take it for the old one."""
        item = await self.make(tenant.owner)
        old = [etag((await tenant.owner.post(f"{self.at(item)}/toggle")).json()) for _ in range(3)]
        assert (await tenant.owner.delete(self.at(item))).status_code == 204

        if way == "single":
            await tenant.owner.post(FLAGS, json=flag(key=item["key"]))
        else:
            document = {"flags": {item["key"]: {"state": "ENABLED", "variants": SWITCHED}}}
            await tenant.owner.put(f"{FLAGS}/definition", json=document)

        for known in (etag(item), *old):
            stale = await tenant.owner.patch(self.at(item), json={"state": "DISABLED"}, headers={"If-Match": known})
            seen = await tenant.owner.get(self.at(item), headers={"If-None-Match": known})
            assert (stale.status_code, seen.status_code) == (412, 200), known
        assert seen.json()["version"] == await set_version(tenant.owner)

    async def test_a_toggle_turns_it_off_and_on_again(self, api: Api) -> None:
        item = await self.make(api)

        toggled = await api.post(f"{self.at(item)}/toggle", headers={"If-Match": etag(item)})
        stale = await api.post(f"{self.at(item)}/toggle", headers={"If-Match": etag(item)})

        assert (toggled.status_code, toggled.json()["state"], toggled.headers["ETag"]) == (
            200,
            "DISABLED",
            etag(item, 1),
        )
        assert (stale.status_code, stale.json()["code"]) == (412, "version_conflict")
        assert (await api.post(f"{self.at(item)}/toggle")).json()["state"] == "ENABLED"
        assert (await api.post(f"{FLAGS}/nothing-here/toggle")).status_code == 404


@pytest.fixture(scope="module")
async def listed(http: httpx.AsyncClient, config: Config) -> TestTenant:
    """A tenant with sixty flags, four of each creation time."""
    tenant = await create_tenant(http)
    rows = [Row(f"row{number}", f"feature {number}", moment(number // 4)) for number in range(60)]
    async with owner_connection(config, tenant.name) as connection:
        await TestListOfFlags.insert(connection, rows)
    return tenant


class TestListOfFlags(GrowingListContract):
    """Many flags."""

    path = "/settings/feature-flags"
    sorts = ("created_at", "updated_at", "key")

    @staticmethod
    async def insert(connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        """Plain flags."""
        await connection.executemany(
            """INSERT INTO feature_flags (id, key, variants, description, created_at, updated_at)
               VALUES ($1, $2, $3, $4, $5, $5)""",
            [(new_id(), f"a-{row.word}", json.dumps(SWITCHED), row.text, row.created_at) for row in rows],
        )


async def test_a_list_can_be_narrowed_by_state(listed: TestTenant) -> None:
    async def keys(**query: Any) -> set[str]:
        answer = await listed.owner.get(FLAGS, params={"limit": 200, **query})
        assert answer.status_code == 200, answer.text
        return {item["key"] for item in answer.json()["items"]}

    created = await listed.owner.post(FLAGS, json=flag(key="switched-off", state="DISABLED"))
    assert created.status_code == 201

    assert await keys(state="DISABLED") == {"switched-off"}
    assert await keys(state="ENABLED") == await keys() - {"switched-off"}
    assert (await listed.owner.get(FLAGS, params={"state": "MAYBE"})).status_code == 422
