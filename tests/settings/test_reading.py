"""What may be seen: by anybody, by filters, of the past."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.contracts.lists import walk
from tests.support.world import Api, TestTenant


async def public(tenant: TestTenant) -> dict[str, Any]:
    """What anybody sees."""
    answer = await tenant.anonymous.get("/settings/public")
    assert answer.status_code == 200, answer.text
    return {item["key"]: item["value"] for item in answer.json()["items"]}


@pytest.mark.promise("T1")
async def test_anybody_sees_what_is_public_and_nothing_else(alpha: TestTenant, beta: TestTenant, operator: Api) -> None:
    before = await alpha.anonymous.get("/settings/public")
    here, there = await public(alpha), await public(beta)
    assert {"passwords.min_length", "tenant.default_locale", "tenant.time_zone"} <= here.keys() & there.keys()
    await alpha.owner.post(
        "/settings", json={"key": "brand.color", "value": alpha.canary, "value_type": "string", "is_public": True}
    )
    await alpha.owner.post("/settings", json={"key": "brand.plan", "value": "hidden", "value_type": "string"})
    await operator.put("/platform/settings/brand.host", json={"value": 1, "value_type": "integer", "is_public": True})

    after = await alpha.anonymous.get("/settings/public", headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    assert await public(alpha) == {**here, "brand.color": alpha.canary, "brand.host": 1}
    assert await public(beta) == {**there, "brand.host": 1}
    assert set(after.json()["items"][0]) == {"key", "value", "value_type"}
    assert after.headers["Cache-Control"] == "private, max-age=10"
    assert "X-Tenant-ID" in after.headers["Vary"]
    same = await alpha.anonymous.get("/settings/public", headers={"If-None-Match": after.headers["ETag"]})
    assert (same.status_code, same.content) == (304, b"")
    abroad = await beta.anonymous.get("/settings/public", headers={"If-None-Match": after.headers["ETag"]})
    assert abroad.status_code == 200

    # Whoever takes the value above over decides anew who sees it; a secret is seen by nobody.
    await alpha.owner.put("/settings/brand.host", json={"value": 2, "is_public": False})
    assert "brand.host" not in await public(alpha)
    for body in ({"value_type": "secret", "value": "x"}, {"value_type": "secret"}):
        turned = await alpha.owner.patch("/settings/brand.color", json=body)
        assert (turned.status_code, turned.json()["errors"][0]["pointer"]) == (422, "/body/is_public")
    for key in ("brand.color", "brand.plan", "brand.host"):
        assert (await alpha.owner.delete(f"/settings/{key}")).status_code == 204


async def test_the_list_can_be_narrowed(tenant: TestTenant, operator: Api) -> None:
    await operator.put("/platform/settings/narrow.above", json={"value": 1, "value_type": "integer"})
    for key, description in (("narrow.one", "100% Wool"), ("narrow.two", "q_x")):
        body = {"key": key, "value": 1, "value_type": "integer", "description": description}
        await tenant.owner.post("/settings", json={**body, "is_public": key == "narrow.two"})

    for query, found in (
        ({"source": "tenant"}, ["narrow.one", "narrow.two"]),
        ({"source": "system"}, ["narrow.above"]),
        ({"source": "tenant", "is_public": "true"}, ["narrow.two"]),
        ({"source": "tenant", "is_public": "false"}, ["narrow.one"]),
        ({"q": "% WOOL"}, ["narrow.one"]),
        ({"q": "_x"}, ["narrow.two"]),
        ({"q": "narrow.", "sort": "-key"}, ["narrow.two", "narrow.one", "narrow.above"]),
    ):
        items = await walk(tenant.owner, "/settings", limit=1, **query)
        assert [item["key"] for item in items] == found, query
    refused = await tenant.owner.get("/settings", params={"source": "nobody"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/query/source")


async def test_every_value_is_remembered_with_who_and_when(tenant: TestTenant) -> None:
    moments = []
    for method, path, body in (
        ("POST", "", {"key": "past.key", "value": "a", "value_type": "string"}),
        ("PUT", "/past.key", {"value": "b"}),
        ("PUT", "/past.key", {"value": "b"}),
        ("DELETE", "/past.key", None),
        ("POST", "", {"key": "past.key", "value": [3], "value_type": "json"}),
    ):
        assert (await tenant.owner.request(method, f"/settings{path}", json=body)).is_success
        await asyncio.sleep(0.002)
        moments.append(datetime.now(UTC).isoformat())

    answer = await tenant.owner.get("/settings/past.key/history")

    items = answer.json()["items"]
    who = {"id": tenant.people["owner"].id, "name": "owner"}
    assert [(item["version"], item["removed"], item["value"], item["value_type"]) for item in items] == [
        (4, False, [3], "json"),
        (3, True, None, "string"),
        (2, False, "b", "string"),
        (1, False, "a", "string"),
    ]
    assert all(item["changed_by"] == who for item in items)
    assert (await tenant.owner.get("/settings/past.key")).json()["version"] == 4
    for at, version in zip(moments, (1, 2, 2, 3, 4), strict=True):
        (item,) = (await tenant.owner.get("/settings/past.key/history", params={"at": at})).json()["items"]
        assert item["version"] == version
    early = await tenant.owner.get("/settings/past.key/history", params={"at": "2020-01-01T00:00:00Z"})
    assert early.json()["items"] == []
    searched = await tenant.owner.get("/settings/past.key/history", params={"q": '"B"'})
    assert [item["version"] for item in searched.json()["items"]] == [2]


async def test_only_a_known_key_has_a_history(alpha: TestTenant, beta: TestTenant) -> None:
    await beta.owner.post("/settings", json={"key": "past.beta", "value": 1, "value_type": "integer"})
    for key, status in (("past.beta", 404), ("past.never", 404), ("passwords.min_length", 200)):
        answer = await alpha.owner.get(f"/settings/{key}/history")
        assert answer.status_code == status, key
    assert (await alpha.owner.get("/settings/passwords.min_length/history", params={"at": "now"})).status_code == 422
    assert (await beta.owner.delete("/settings/past.beta")).status_code == 204
