"""``Idempotency-Key`` where endpoints have transactions of their own: for operators, and for invitations."""

from __future__ import annotations

import asyncio
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest

from common.config import Config
from common.idempotency import CLAIM_KEPT
from tests.support.post import PostOffice
from tests.support.probes import owner_connection
from tests.support.servers import PLATFORM_KEY
from tests.support.things import insert_invitation
from tests.support.world import PASSWORD, Api, TestTenant

pytestmark = pytest.mark.promise("D4")

ADMIN: Final = {"email": "owner@new.example", "username": "owner", "password": PASSWORD}


@pytest.fixture
def operator(http: httpx.AsyncClient) -> Api:
    """The operator, whose every request has a key of its own."""
    return Api(http, {"X-Platform-Key": PLATFORM_KEY, "Idempotency-Key": str(uuid4())})


async def twice(api: Api, path: str, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    """Create something, ask again, and be told the same."""
    first, again = [await api.post(path, json=body, headers=headers) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 201), (first.text, again.text)
    assert (again.json(), again.headers["Location"]) == (first.json(), first.headers["Location"])
    assert ("Idempotency-Replayed" in first.headers, again.headers["Idempotency-Replayed"]) == (False, "true")
    made: dict[str, Any] = first.json()
    return made


async def test_a_platform_key_is_made_once(operator: Api, config: Config) -> None:
    made = await twice(operator, "/platform/keys", {"name": "repeated"})
    other = await operator.post("/platform/keys", json={"name": "other"})

    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    listed = (await operator.get("/platform/keys", params={"q": "repeated"})).json()["items"]
    assert [item["id"] for item in listed] == [made["id"]]
    async with owner_connection(config, "system") as owner:
        bodies = await owner.fetch("SELECT body FROM idempotency_keys")
    assert not any(made["key"].encode() in row["body"] for row in bodies)


async def test_of_many_at_once_one_creates(operator: Api) -> None:
    answers = await asyncio.gather(*(operator.post("/platform/keys", json={"name": "raced"}) for _ in range(8)))

    made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    refused = {answer.json()["code"] for answer in answers if answer.status_code != 201}
    assert (len(made), refused <= {"idempotency_in_flight"}) == (1, True)
    assert len((await operator.get("/platform/keys", params={"q": "raced"})).json()["items"]) == 1


async def test_a_tenant_is_made_and_cloned_once(operator: Api) -> None:
    name = f"once_{uuid4().hex[:12]}"
    body, tenant = {"name": "Once", "admin": ADMIN}, {"X-Tenant-ID": name}
    made = await twice(operator, "/auth/initialize-tenant", body, **tenant)
    assert made["schema_name"] == f"tenant_{name}"
    elsewhere = await operator.post("/auth/initialize-tenant", json=body, headers={"X-Tenant-ID": f"{name}_2"})
    assert (elsewhere.status_code, elsewhere.json()["tenant_id"]) == (201, f"tenant_{name}_2")  # another tenant's scope
    fresh = await operator.post("/auth/initialize-tenant", json=body, headers={**tenant, "Idempotency-Key": "fresh"})
    assert (fresh.status_code, fresh.json()["code"]) == (409, "tenant_exists")

    copy = await twice(operator, f"/platform/tenants/{name}/clone", {"target": f"{name}_copy"})
    assert copy["id"] == f"{name}_copy"


async def test_a_refusal_is_not_kept(operator: Api) -> None:
    tenant = {"X-Tenant-ID": f"refused_{uuid4().hex[:12]}"}
    weak = {"name": "Refused", "admin": {**ADMIN, "password": "owner"}}

    refused = await operator.post("/auth/initialize-tenant", json=weak, headers=tenant)
    made = await operator.post("/auth/initialize-tenant", json={**weak, "admin": ADMIN}, headers=tenant)

    assert (refused.status_code, made.status_code) == (422, 201)


async def test_what_a_dead_process_claimed_is_free_after_a_while(operator: Api, config: Config) -> None:
    made = await operator.post("/platform/keys", json={"name": "claimed"})
    key = operator.headers["Idempotency-Key"]
    async with owner_connection(config, "system") as owner:
        await owner.execute("UPDATE idempotency_keys SET status = 0 WHERE key = $1", key)
        claimed = await operator.post("/platform/keys", json={"name": "claimed"})
        await owner.execute(
            "UPDATE idempotency_keys SET created_at = created_at - $2::interval WHERE key = $1", key, CLAIM_KEPT
        )
        freed = await operator.post("/platform/keys", json={"name": "claimed"})

    assert (claimed.status_code, claimed.json()["code"]) == (409, "idempotency_in_flight")
    assert "Retry-After" in claimed.headers
    assert (freed.status_code, freed.json()["id"] != made.json()["id"]) == (201, True)


async def test_an_invitation_is_accepted_once_and_told_twice(office: PostOffice, branch: TestTenant) -> None:
    async with owner_connection(office.config, branch.name) as owner:
        _, token = await insert_invitation(owner, branch.people["owner"].id)
    body = {"token": token, "username": f"guest-{uuid4().hex[:8]}", "password": PASSWORD}

    made = await twice(branch.anonymous, "/auth/invitations/accept", body, **{"Idempotency-Key": str(uuid4())})
    without = await branch.anonymous.post("/auth/invitations/accept", json=body)

    assert made["username"] == body["username"]
    assert (without.status_code, without.json()["code"]) == (400, "token_invalid")
