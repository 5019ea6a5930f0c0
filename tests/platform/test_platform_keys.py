"""Keys of the platform's operators."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from tests.support.servers import PLATFORM_KEY
from tests.support.world import Api


@pytest.fixture
def operator(http: httpx.AsyncClient) -> Api:
    """The operator with the first key."""
    return Api(http, {"X-Platform-Key": PLATFORM_KEY})


async def test_a_key_opens_the_platform_until_it_is_revoked(http: httpx.AsyncClient, operator: Api) -> None:
    created = await operator.post("/platform/keys", json={"name": "deployment"})
    key = created.json()
    other = Api(http, {"X-Platform-Key": key["key"]})

    before = await other.get("/platform/tenants")
    revoked = [await operator.delete(f"/platform/keys/{key['id']}") for _ in range(2)]
    after = await other.get("/platform/tenants")

    assert created.status_code == 201
    assert created.headers["location"].endswith(key["id"])
    assert key["key"].startswith(key["prefix"])
    assert (before.status_code, after.status_code) == (200, 401)
    assert [answer.status_code for answer in revoked] == [204, 404]


@pytest.mark.promise("I8")
async def test_a_key_is_shown_once_and_stored_as_a_digest(app: FastAPI, operator: Api) -> None:
    key = (await operator.post("/platform/keys", json={"name": "once"})).json()["key"]

    listed = await operator.get("/platform/keys")
    async with app.state.services.database.system() as unit:
        stored = (await unit.execute(text("SELECT platform_keys::text FROM platform_keys"))).scalars().all()

    assert "once" in listed.text
    assert key not in listed.text + repr(stored)


@pytest.mark.parametrize("change", [lambda key: key[:-1], lambda key: key[:-1] + "!", lambda key: "ssk_" + key[4:]])
async def test_a_mistyped_key_is_refused(change, http: httpx.AsyncClient, operator: Api) -> None:  # type: ignore[no-untyped-def] # a one-line function
    key = (await operator.post("/platform/keys", json={"name": "typo"})).json()["key"]

    answer = await http.get("/api/v1/platform/tenants", headers={"X-Platform-Key": change(key)})

    assert (answer.status_code, answer.json()["code"]) == (401, "platform_key_invalid")
