"""A tenant's life as the platform's operator leads it."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import tarfile
from uuid import uuid4

import httpx
import pytest

from tests.support.servers import PLATFORM_KEY
from tests.support.world import API, PASSWORD, Api, TestTenant, add_person, create_tenant, sign_in

SECONDS_UNTIL_SEEN = 1.0  # the promise: a suspension acts on every process within a second


@pytest.fixture
def operator(http: httpx.AsyncClient) -> Api:
    """The platform's operator: a key, and no tenant header."""
    return Api(http, {"X-Platform-Key": PLATFORM_KEY})


def short(tenant: TestTenant) -> str:
    return tenant.name.removeprefix("tenant_")


async def test_without_the_key_nothing_is_shown(http: httpx.AsyncClient, tenant: TestTenant) -> None:
    for headers in ({}, {"X-Platform-Key": PLATFORM_KEY + "x"}):
        answer = await http.get(f"{API}/platform/tenants/{short(tenant)}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "platform_key_invalid")


async def test_a_tenant_is_found_by_either_form_of_its_id(operator: Api, tenant: TestTenant) -> None:
    by_short, by_schema = [await operator.get(f"/platform/tenants/{name}") for name in (short(tenant), tenant.name)]

    assert by_short.json() == by_schema.json()
    assert by_short.json()["status"] == "active"
    assert (await operator.get("/platform/tenants/no_such")).status_code == 404
    assert (await operator.get("/platform/tenants/Public")).status_code == 400


async def test_the_list_can_be_searched(operator: Api, tenant: TestTenant) -> None:
    found = (await operator.get("/platform/tenants", params={"q": tenant.canary})).json()

    assert [item["tenant_id"] for item in found["items"]] == [tenant.name]


async def test_a_suspended_tenant_is_refused_until_it_is_active_again(operator: Api, tenant: TestTenant) -> None:
    suspended = await operator.patch(f"/platform/tenants/{short(tenant)}", json={"status": "suspended"})
    await asyncio.sleep(SECONDS_UNTIL_SEEN)
    refused = [await tenant.owner.get("/auth/me"), await tenant.anonymous.post("/auth/login", json=CREDENTIALS)]
    await operator.patch(f"/platform/tenants/{short(tenant)}", json={"status": "active"})
    await asyncio.sleep(SECONDS_UNTIL_SEEN)

    assert suspended.json()["status"] == "suspended"
    assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(403, "tenant_suspended")}
    assert (await tenant.owner.get("/auth/me")).status_code == 200


CREDENTIALS = {"username": "owner", "password": PASSWORD}


async def test_deletion_has_two_steps_and_the_first_can_be_taken_back(operator: Api, tenant: TestTenant) -> None:
    marked = await operator.delete(f"/platform/tenants/{short(tenant)}")
    await asyncio.sleep(SECONDS_UNTIL_SEEN)
    hidden = await tenant.owner.get("/auth/me")
    back = await operator.patch(f"/platform/tenants/{short(tenant)}", json={"status": "active"})
    await asyncio.sleep(SECONDS_UNTIL_SEEN)

    assert (marked.status_code, marked.json()["status"]) == (202, "deleting")
    assert marked.json()["delete_after"] is not None
    assert (hidden.status_code, hidden.json()["code"]) == (404, "tenant_not_found")
    assert back.json()["delete_after"] is None
    assert (await tenant.owner.get("/auth/me")).status_code == 200


async def test_a_confirmed_deletion_leaves_nothing_and_frees_the_name(
    http: httpx.AsyncClient, operator: Api, tenant: TestTenant
) -> None:
    wrong = await operator.delete(f"/platform/tenants/{short(tenant)}", params={"confirm": "another"})
    dropped = await operator.delete(f"/platform/tenants/{short(tenant)}", params={"confirm": short(tenant)})
    again = await operator.delete(f"/platform/tenants/{short(tenant)}", params={"confirm": short(tenant)})
    await asyncio.sleep(SECONDS_UNTIL_SEEN)

    assert (wrong.status_code, dropped.status_code, again.status_code) == (400, 204, 404)
    assert (await tenant.owner.get("/auth/me")).status_code == 404
    await create_tenant(http, tenant.name)


@pytest.mark.promise("T1")
async def test_a_clone_has_the_data_but_no_open_door(
    http: httpx.AsyncClient, operator: Api, tenant: TestTenant
) -> None:
    await add_person(http, tenant, "member")
    copy_name = f"{short(tenant)}_copy"

    cloned = await operator.post(
        f"/platform/tenants/{short(tenant)}/clone", json={"target": copy_name, "activate": True}
    )
    copy = TestTenant(f"tenant_{copy_name}", tenant.canary, Api(http, {"X-Tenant-ID": f"tenant_{copy_name}"}))
    token = tenant.owner.headers["Authorization"]
    refresh = {"refresh_token": tenant.people["owner"].tokens["refresh_token"]}

    assert (cloned.status_code, cloned.json()["status"]) == (201, "active")
    assert (await copy.anonymous.get("/auth/me", headers={"Authorization": token})).status_code == 403
    assert (await copy.anonymous.post("/auth/refresh", json=refresh)).status_code == 401
    person = await sign_in(http, copy, "owner")
    users = (await person.api.get("/users")).json()["items"]
    assert {user["username"] for user in users} == {"owner", "member"}
    assert (await tenant.owner.get("/auth/me")).status_code == 200


async def test_an_export_comes_back_under_another_name_suspended(operator: Api, tenant: TestTenant) -> None:
    archive = await operator.post(f"/platform/tenants/{short(tenant)}/export")
    name = f"{short(tenant)}_back"

    imported = await operator.post("/platform/tenants/import", params={"tenant": name}, content=archive.content)
    again = await operator.post("/platform/tenants/import", params={"tenant": name}, content=archive.content)

    assert archive.headers["content-type"] == "application/gzip"
    assert tenant.name in archive.headers["content-disposition"]
    assert (imported.status_code, imported.json()["status"]) == (201, "suspended")
    assert imported.json()["name"] == tenant.canary
    assert (again.status_code, again.json()["code"]) == (409, "tenant_exists")


def repacked(archive: bytes, change: str) -> bytes:
    """The archive with one thing wrong."""
    target_bytes = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as source,
        tarfile.open(fileobj=target_bytes, mode="w:gz") as target,
    ):
        for member in source:
            content = source.extractfile(member).read()  # type: ignore[union-attr]
            if change == "row" and member.name == "tables/users.csv":
                content = content.replace(b"owner", b"0wner", 1)
            if change == "missing" and member.name == "tables/roles.csv":
                continue
            if change == "revision" and member.name == "manifest.json":
                content = json.dumps(json.loads(content) | {"revision": "0001"}).encode()
            if change == "path" and member.name == "tables/notes.csv":
                member.name = "../../../../tmp/evil.csv"
            member.size = len(content)
            target.addfile(member, io.BytesIO(content))
    return target_bytes.getvalue()


async def test_a_damaged_or_forged_archive_is_refused_and_leaves_nothing(operator: Api, tenant: TestTenant) -> None:
    archive = (await operator.post(f"/platform/tenants/{short(tenant)}/export")).content
    broken = [repacked(archive, change) for change in ("row", "missing", "revision", "path")]
    broken += [archive[: len(archive) // 2], b"", b"not an archive", gzip.compress(b"neither")]
    name = f"{short(tenant)}_never"

    answers = [
        await operator.post("/platform/tenants/import", params={"tenant": name}, content=content) for content in broken
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(422, "archive_invalid")] * 8
    assert (await operator.get(f"/platform/tenants/{name}")).status_code == 404


async def test_the_fleet_is_described(operator: Api, tenant: TestTenant) -> None:
    state = (await operator.get("/platform/migrations")).json()

    assert state["total"] == state["current"] >= 1
    assert state["outdated"] == []


@pytest.mark.promise("D4")
async def test_of_two_operators_who_change_the_same_version_one_loses(operator: Api, tenant: TestTenant) -> None:
    path = f"/platform/tenants/{short(tenant)}"
    before = await operator.get(path)
    known = {"If-Match": before.headers["ETag"]}

    answers = await asyncio.gather(
        *(operator.patch(path, json={"name": f"Name {number}"}, headers=known) for number in range(4)),
        operator.delete(path, headers=known),
    )

    refused = [answer for answer in answers if answer.status_code == 412]
    (won,) = [answer for answer in answers if answer.status_code in {200, 202}]
    assert {answer.json()["code"] for answer in refused} == {"version_conflict"}
    assert len(refused) == 4
    assert won.json()["version"] == before.json()["version"] + 1
    assert won.headers["ETag"] == f'"v{won.json()["version"]}"'
    assert (await operator.get(path)).json() == won.json()
    dropped = await operator.delete(path, params={"confirm": short(tenant)}, headers=known)
    assert (dropped.status_code, (await operator.get(path)).status_code) == (412, 200)


async def test_who_knows_a_tenant_is_spared_the_body_until_it_changes(operator: Api, tenant: TestTenant) -> None:
    path = f"/platform/tenants/{short(tenant)}"
    known = {"If-None-Match": (await operator.get(path)).headers["ETag"]}
    same = await operator.get(path, headers=known)
    unchanged = await operator.patch(path, json={"status": "active"})
    await operator.patch(path, json={"name": "Changed"})
    changed = await operator.get(path, headers=known)

    assert (same.status_code, same.content) == (304, b"")
    assert unchanged.headers["ETag"] == known["If-None-Match"]
    assert (changed.status_code, changed.json()["name"]) == (200, "Changed")


async def test_a_key_is_where_the_answer_says(operator: Api) -> None:
    made = await operator.post("/platform/keys", json={"name": "found again"})

    found = await operator.get(made.headers["Location"].removeprefix(API))

    assert found.json() == {name: value for name, value in made.json().items() if name != "key"}
    assert (await operator.get(f"/platform/keys/{uuid4()}")).status_code == 404
