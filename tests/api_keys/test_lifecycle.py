"""Making, seeing, changing, rotating and revoking keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api_keys.conftest import make_key, with_key
from tests.support.world import API, TestTenant

IN_AN_HOUR = (datetime.now(UTC) + timedelta(hours=1)).isoformat().replace("+00:00", "Z")


async def test_the_key_is_shown_once(home: TestTenant) -> None:
    body = {
        "name": "Booking engine",
        "permissions": ["tasks:read:own", "settings:read", "settings:read"],
        "allowed_cidrs": ["203.0.113.0/24", "2001:db8::/32"],
        "expires_at": IN_AN_HOUR,
    }

    answer = await home.owner.post("/users/api-keys", json=body)

    made = answer.json()
    key = made.pop("key")
    assert (answer.status_code, answer.headers["ETag"]) == (201, '"v1"')
    assert answer.headers["Location"] == f"{API}/users/api-keys/{made['id']}"
    assert key.startswith(made["prefix"])
    assert made["user_id"] == home.people["owner"].id
    assert {**body, "permissions": ["settings:read", "tasks:read:own"]}.items() <= made.items()
    assert (made["last_used_at"], made["revoked_at"], made["previous_expires_at"]) == (None, None, None)
    assert (await home.owner.get(f"/users/api-keys/{made['id']}")).json() == made


async def test_the_list_has_the_keys_of_the_tenant_or_ones_own(home: TestTenant, neighbour: TestTenant) -> None:
    mine, theirs = await make_key(home.owner), await make_key(home.people["admin"].api)
    foreign = await make_key(neighbour.owner)

    listed = (await home.owner.get("/users/api-keys", params={"limit": 200})).json()["items"]
    own = (await home.owner.get("/users/api-keys", params={"limit": 200, "mine": "true"})).json()["items"]

    assert {mine["id"], theirs["id"]} <= {key["id"] for key in listed}
    assert mine["id"] in {key["id"] for key in own}
    assert {key["user_id"] for key in own} == {home.people["owner"].id}
    assert foreign["id"] not in {key["id"] for key in listed}
    assert all("key" not in item and "digest" not in item for item in listed)


async def test_filters_and_search(tenant: TestTenant) -> None:
    engine = await make_key(tenant.owner, name="100% engine")
    website = await make_key(tenant.owner, name="website")
    assert (await tenant.owner.delete(f"/users/api-keys/{website['id']}")).status_code == 204

    async def found(**params: str) -> list[str]:
        answer = await tenant.owner.get("/users/api-keys", params={"sort": "name", **params})
        return [key["name"] for key in answer.json()["items"]]

    assert await found() == ["100% engine", "website"]
    assert await found(is_active="true") == ["100% engine"]
    assert await found(is_active="false") == ["website"]
    assert await found(q="%") == ["100% engine"]
    assert await found(q=engine["prefix"]) == ["100% engine"]


async def test_patch_sets_what_is_given(home: TestTenant) -> None:
    made = await make_key(home.owner, allowed_cidrs=["10.0.0.0/8"], expires_at=IN_AN_HOUR)
    path = f"/users/api-keys/{made['id']}"

    renamed = await home.owner.patch(path, json={"name": "renamed"}, headers={"If-Match": '"v1"'})
    freed = await home.owner.patch(path, json={"expires_at": None, "allowed_cidrs": []})
    same = await home.owner.patch(path, json={"name": "renamed"})
    late = await home.owner.patch(path, json={"name": "x"}, headers={"If-Match": '"v1"'})

    assert (renamed.status_code, renamed.headers["ETag"], renamed.json()["name"]) == (200, '"v2"', "renamed")
    assert renamed.json()["expires_at"] == made["expires_at"]
    assert (freed.json()["expires_at"], freed.json()["allowed_cidrs"], freed.json()["version"]) == (None, [], 3)
    assert same.json() == freed.json()
    assert (late.status_code, late.json()["code"]) == (412, "version_conflict")


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"permissions": []}, "/body/permissions"),
        ({"permissions": ["users:read", "nonsense"]}, "/body/permissions/1"),
        ({"permissions": ["users:read:own"]}, "/body/permissions/0"),  # it has no levels
        ({"permissions": ["tenant:own:own"]}, "/body/permissions/0"),
        ({"permissions": ["tasks:read:everything"]}, "/body/permissions/0"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/body/expires_at"),
        ({"expires_at": "2099-01-01T00:00:00"}, "/body/expires_at"),  # in which time zone?
        ({"allowed_cidrs": ["203.0.113.7/24"]}, "/body/allowed_cidrs/0"),  # bits behind the prefix
        ({"allowed_cidrs": ["somewhere"]}, "/body/allowed_cidrs/0"),
        ({"name": ""}, "/body/name"),
        ({"name": "a\x00b"}, "/body/name"),
    ],
)
async def test_what_no_key_can_be_is_refused(alpha: TestTenant, fields: dict[str, Any], pointer: str) -> None:
    made = await make_key(alpha.owner)
    body = {"name": "refused", "permissions": ["users:read"], **fields}

    created = await alpha.owner.post("/users/api-keys", json=body)
    changed = await alpha.owner.patch(f"/users/api-keys/{made['id']}", json=fields)

    for answer in (created, changed):
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), answer.text


@pytest.mark.promise("R3")
@pytest.mark.parametrize("field", ["user_id", "key", "digest", "prefix", "revoked_at", "id", "version", "tenant_id"])
async def test_nobody_sets_what_the_service_sets(alpha: TestTenant, field: str) -> None:
    made = await make_key(alpha.owner)
    body = {"name": "x", "permissions": ["users:read"]}

    for answer in (
        await alpha.owner.post("/users/api-keys", json={**body, field: made["id"]}),
        await alpha.owner.patch(f"/users/api-keys/{made['id']}", json={field: made["id"]}),
        await alpha.owner.post(f"/users/api-keys/{made['id']}/rotate", json={field: made["id"]}),
    ):
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "extra_forbidden")


async def test_revoked_stays_in_the_list_and_cannot_be_changed(http: httpx.AsyncClient, home: TestTenant) -> None:
    made = await make_key(home.owner)
    path = f"/users/api-keys/{made['id']}"

    assert (await home.owner.delete(path, headers={"If-Match": '"v7"'})).status_code == 412
    assert (await home.owner.delete(path)).status_code == 204

    assert (await with_key(http, home, made["key"]).get("/auth/test")).status_code == 401
    assert (await home.owner.get(path)).json()["revoked_at"] is not None
    assert (await home.owner.delete(path)).status_code == 404
    changed = await home.owner.patch(path, json={"name": "again"})
    rotated = await home.owner.post(f"{path}/rotate", json={})
    for answer in (changed, rotated):
        assert (answer.status_code, answer.json()["code"]) == (409, "api_key_revoked")


async def test_a_rotated_key_has_a_successor_and_a_grace(http: httpx.AsyncClient, home: TestTenant) -> None:
    first = await make_key(home.owner)
    path = f"/users/api-keys/{first['id']}/rotate"

    second = (await home.owner.post(path, json={"grace_seconds": 60})).json()
    works = [(await with_key(http, home, made["key"]).get("/auth/test")).status_code for made in (first, second)]
    third = (await home.owner.post(path, json={"grace_seconds": 0})).json()
    left = [(await with_key(http, home, made["key"]).get("/auth/test")).status_code for made in (first, second, third)]

    assert works == [200, 200]
    assert left == [401, 401, 200]
    assert len({made["key"] for made in (first, second, third)}) == 3
    assert {made["id"] for made in (first, second, third)} == {first["id"]}
    assert (second["version"], third["version"]) == (2, 3)
    assert second["previous_expires_at"] is not None
    assert third["previous_expires_at"] is None


@pytest.mark.parametrize("grace", [-1, 86_401, "60", 1.5, None])
async def test_a_grace_is_at_most_a_day(alpha: TestTenant, grace: Any) -> None:
    made = await make_key(alpha.owner)

    answer = await alpha.owner.post(f"/users/api-keys/{made['id']}/rotate", json={"grace_seconds": grace})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/body/grace_seconds")


@pytest.mark.promise("T1")
async def test_a_key_of_the_neighbour_does_not_exist(home: TestTenant, neighbour: TestTenant) -> None:
    foreign = await make_key(neighbour.owner)

    for key_id in (foreign["id"], str(uuid4())):
        path = f"/users/api-keys/{key_id}"
        for answer in (
            await home.owner.get(path),
            await home.owner.patch(path, json={"name": "mine"}),
            await home.owner.delete(path),
            await home.owner.post(f"{path}/rotate", json={}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await neighbour.owner.get(f"/users/api-keys/{foreign['id']}")).json()["version"] == 1
