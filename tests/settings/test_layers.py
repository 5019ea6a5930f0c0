"""Whose value counts: the tenant's, the system's, or the one the code declares."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from common.config import Config
from tests.support.apps import Wired, services_of
from tests.support.probes import owner_connection
from tests.support.world import Api, TestTenant, create_tenant

KEY = "passwords.min_length"


async def shown(api: Api, key: str = KEY) -> tuple[Any, str, bool, int]:
    """What is in force, and why."""
    answer = await api.get(f"/settings/{key}")
    assert answer.status_code == 200, answer.text
    item = answer.json()
    assert answer.headers["ETag"] == f'"v{item["version"]}"'
    return item["value"], item["source"], item["locked"], item["version"]


@pytest.mark.promise("T1")
async def test_a_value_belongs_to_its_tenant(alpha: TestTenant, beta: TestTenant, operator: Api) -> None:
    """The tenant's comes before the system's, that before the default, a lock before all; removals fall back."""
    here, there = [(await shown(twin.owner))[3] for twin in (alpha, beta)]
    assert await shown(alpha.owner) == (12, "default", False, here)
    assert await shown(beta.owner) == (12, "default", False, there)

    assert (await alpha.owner.put(f"/settings/{KEY}", json={"value": 20})).status_code == 200
    assert await shown(alpha.owner) == (20, "tenant", False, here + 1)
    assert await shown(beta.owner) == (12, "default", False, there)

    await operator.put(f"/platform/settings/{KEY}", json={"value": 16})
    assert await shown(alpha.owner) == (20, "tenant", False, here + 2)
    assert await shown(beta.owner) == (16, "system", False, there + 1)

    await operator.put(f"/platform/settings/{KEY}", json={"value": 16, "is_locked": True})
    assert await shown(alpha.owner) == (16, "system", True, here + 3)
    for method, body in (("PUT", {"value": 9}), ("PATCH", {"value": 9}), ("DELETE", None)):
        refused = await alpha.owner.request(method, f"/settings/{KEY}", json=body)
        assert (refused.status_code, refused.json()["code"]) == (409, "setting_locked"), method
    created = await beta.owner.post("/settings", json={"key": KEY, "value": 9})
    assert (created.status_code, created.json()["code"]) == (409, "setting_locked")

    assert (await operator.delete(f"/platform/settings/{KEY}")).status_code == 204
    assert await shown(alpha.owner) == (20, "tenant", False, here + 4)
    assert (await alpha.owner.delete(f"/settings/{KEY}")).status_code == 204
    assert await shown(alpha.owner) == (12, "default", False, here + 5)
    gone = await alpha.owner.delete(f"/settings/{KEY}")
    assert (gone.status_code, gone.json()["code"]) == (404, "not_found")


async def test_a_known_key_gets_a_value_of_the_tenants_own(tenant: TestTenant, operator: Api) -> None:
    """With PUT, PATCH or POST; its type and description come from above."""
    await operator.put(
        "/platform/settings/shop.name", json={"value": "Shop", "value_type": "string", "description": "Its name"}
    )
    unknown = await tenant.owner.put("/settings/shop.other", json={"value": "x", "value_type": "string"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")

    empty = await tenant.owner.patch("/settings/shop.name", json={"is_public": True})
    assert (empty.status_code, empty.json()["errors"][0]["code"]) == (422, "missing")
    patched = await tenant.owner.patch("/settings/shop.name", json={"value": "Ours", "is_public": True})
    assert patched.status_code == 200
    assert patched.json() | {"updated_at": None} == {
        "key": "shop.name",
        "value": "Ours",
        "value_type": "string",
        "description": "Its name",
        "source": "tenant",
        "locked": False,
        "is_public": True,
        "version": 2,
        "updated_at": None,
        "updated_by": tenant.people["owner"].id,
    }
    assert (await tenant.owner.delete("/settings/shop.name")).status_code == 204
    created = await tenant.owner.post("/settings", json={"key": "shop.name", "value": "Again"})
    assert (created.status_code, created.json()["version"]) == (201, 4)
    again = await tenant.owner.post("/settings", json={"key": "shop.name", "value": "Twice"})
    assert (again.status_code, again.json()["code"]) == (409, "setting_exists")
    other = await tenant.owner.put("/settings/shop.name", json={"value": 1, "value_type": "integer"})
    assert (other.status_code, other.json()["errors"][0]["pointer"]) == (422, "/body/value_type")


@pytest.mark.promise("D4")
async def test_no_etag_comes_back_for_another_value(tenant: TestTenant, operator: Api) -> None:
    """Not after removals by either side, and never for a default, which may change with the code."""
    seen = [(await tenant.owner.get(f"/settings/{KEY}")).headers["ETag"]]
    path, above = f"/settings/{KEY}", f"/platform/settings/{KEY}"
    for api, method, at, body in (
        (tenant.owner, "PUT", path, {"value": 20}),
        (operator, "PUT", above, {"value": 30}),
        (tenant.owner, "DELETE", path, None),
        (operator, "DELETE", above, None),
        (operator, "PUT", above, {"value": 31}),
        (tenant.owner, "PUT", path, {"value": 21}),
    ):
        assert (await api.request(method, at, json=body)).is_success
        seen.append((await tenant.owner.get(path)).headers["ETag"])
        if len(seen) == 5:  # a default again
            assert (await tenant.owner.get(path, headers={"If-None-Match": seen[-1]})).status_code == 200
    assert len(set(seen)) == len(seen)
    assert (await tenant.owner.get(path, headers={"If-None-Match": seen[-1]})).status_code == 304
    for stale in seen[:-1]:
        answer = await tenant.owner.put(path, json={"value": 22}, headers={"If-Match": stale})
        assert (answer.status_code, answer.json()["code"]) == (412, "version_conflict")
    assert (await tenant.owner.put(path, json={"value": 22}, headers={"If-Match": seen[-1]})).status_code == 200


@pytest.mark.promise("D4")
async def test_of_many_writers_with_one_etag_one_wins(tenant: TestTenant) -> None:
    await tenant.owner.post("/settings", json={"key": "race.key", "value": 0, "value_type": "integer"})

    answers = await asyncio.gather(
        *(
            tenant.owner.put("/settings/race.key", json={"value": number}, headers={"If-Match": '"v1"'})
            for number in range(1, 33)
        ),
        *(
            tenant.owner.post("/settings", json={"key": "race.new", "value": number, "value_type": "integer"})
            for number in range(16)
        ),
    )

    statuses = [answer.status_code for answer in answers]
    assert sorted(statuses[:32]) == [200] + [412] * 31
    assert sorted(statuses[32:]) == [201] + [409] * 15
    (won,) = (answer.json() for answer in answers[:32] if answer.status_code == 200)
    assert (await tenant.owner.get("/settings/race.key")).json() == won


async def test_a_value_that_could_not_be_stored_now_does_not_count(
    app: FastAPI, tenant: TestTenant, config: Config
) -> None:
    """What is stored may be older than the rule: the next layer counts, so that the service obeys nothing senseless."""
    await tenant.owner.put(f"/settings/{KEY}", json={"value": 20})
    async with owner_connection(config, tenant.name) as owner:
        for value, kind in ((7, "integer"), ("20", "string"), (True, "boolean")):
            await owner.execute("UPDATE settings SET value = $1, value_type = $2", json.dumps(value), kind)
            await services_of(app).caches.forget([(f"{tenant.name}/settings", None)])
            assert (await shown(tenant.owner))[:2] == (12, "default"), value
        assert (await tenant.owner.delete(f"/settings/{KEY}")).status_code == 204


async def test_a_change_acts_elsewhere_within_a_second(wired: Wired, alpha: TestTenant, operator: Api) -> None:
    """In another process, of the tenant's and of the system's values, and both are read without a round trip."""
    elsewhere = Api(wired.http, alpha.owner.headers)
    await alpha.owner.post("/settings", json={"key": "far.key", "value": 0, "value_type": "integer"})
    await _until(elsewhere, "far.key", 0)

    await alpha.owner.put("/settings/far.key", json={"value": 1})
    await _until(elsewhere, "far.key", 1)
    await operator.put("/platform/settings/far.system", json={"value": 2, "value_type": "integer"})
    await _until(elsewhere, "far.system", 2)

    wired.wire.reset()
    for path in ("/settings/far.key", "/settings/far.system", "/settings", "/settings/registry", "/settings/public"):
        assert (await elsewhere.get(path)).status_code == 200
    assert wired.wire.trips == 0
    await alpha.owner.delete("/settings/far.key")


async def _until(api: Api, key: str, value: int) -> None:
    """Ask for a second, which is what a change may take."""
    for _ in range(50):
        answer = await api.get(f"/settings/{key}")
        if answer.status_code == 200 and answer.json()["value"] == value:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{key} is not {value} after a second")


@pytest.mark.promise("T1")
async def test_a_tenant_of_the_same_name_begins_anew(http: httpx.AsyncClient, operator: Api) -> None:
    """What was kept of the one before is forgotten with it."""
    first = await create_tenant(http)
    await first.owner.put(f"/settings/{KEY}", json={"value": 20})
    *_, version = await shown(first.owner)

    dropped = await operator.delete(f"/platform/tenants/{first.name}", params={"confirm": first.name})
    assert dropped.status_code == 204
    second = await create_tenant(http, first.name)

    assert await shown(second.owner) == (12, "default", False, version - 1)
