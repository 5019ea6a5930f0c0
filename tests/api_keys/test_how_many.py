"""Nobody has more than a hundred living keys."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from common.config import Config
from tests.api_keys.conftest import make_key
from tests.support import things
from tests.support.probes import owner_connection
from tests.support.world import Api, TestTenant, add_person
from users.api_keys.service import MAX_LIVING_KEYS


def body(**more: str) -> dict[str, object]:
    """A valid one."""
    return {"name": "one more", "permissions": ["users:read"], **more}


async def count(api: Api) -> int:
    """How many living keys somebody has."""
    answer = await api.get("/users/api-keys", params={"mine": "true", "is_active": "true", "include_total": "true"})
    total: int = answer.json()["total"]
    return total


@pytest.mark.promise("S7")
async def test_the_limit_holds_for_each_user_also_among_many_at_once(
    http: httpx.AsyncClient, config: Config, tenant: TestTenant
) -> None:
    admin = await add_person(http, tenant, "admin")
    async with owner_connection(config, tenant.name) as owner:
        for _ in range(MAX_LIVING_KEYS - 3):
            await things.insert_key(owner, tenant.people["owner"].id)

    answers = await asyncio.gather(*(tenant.owner.post("/users/api-keys", json=body()) for _ in range(32)))

    assert sorted({(answer.status_code, answer.json().get("code")) for answer in answers}) == [
        (201, None),
        (409, "too_many_keys"),
    ]
    assert await count(tenant.owner) == MAX_LIVING_KEYS
    assert (await admin.api.post("/users/api-keys", json=body())).status_code == 201


async def test_ended_keys_do_not_count_and_come_back_only_into_a_free_place(config: Config, tenant: TestTenant) -> None:
    ended, spare = await make_key(tenant.owner), await make_key(tenant.owner)
    path = f"/users/api-keys/{ended['id']}"
    async with owner_connection(config, tenant.name) as owner:
        await owner.execute("UPDATE api_keys SET expires_at = now() - interval '1 day' WHERE id = $1", ended["id"])
        for _ in range(MAX_LIVING_KEYS - 1):
            await things.insert_key(owner, tenant.people["owner"].id)
    later = {"expires_at": (datetime.now(UTC) + timedelta(days=1)).isoformat()}

    renamed = await tenant.owner.patch(path, json={"name": "still over"})
    refused = [await tenant.owner.patch(path, json=fields) for fields in (later, {"expires_at": None})]
    assert (await tenant.owner.delete(f"/users/api-keys/{spare['id']}")).status_code == 204
    back = await tenant.owner.patch(path, json=later)

    assert renamed.status_code == back.status_code == 200
    assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [(409, "too_many_keys")] * 2
    assert await count(tenant.owner) == MAX_LIVING_KEYS
