"""What a key opens, and when it does not."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from common.config import Config
from shared_auth import KeySecret
from tests.api_keys.conftest import make_key, with_key
from tests.support.probes import owner_connection, watched
from tests.support.world import Api, TestTenant, add_person


async def test_a_key_acts_as_its_owner_with_what_it_lists(http: httpx.AsyncClient, home: TestTenant) -> None:
    made = await make_key(home.owner, "users:read", "tasks:read:own")
    program = with_key(http, home, made["key"])

    tested = await program.get("/auth/test")
    me = await program.get("/auth/me")
    refused = await program.get("/users/roles")

    owner_id = home.people["owner"].id
    assert tested.json() == {"authenticated": True, "tenant_id": home.name, "subject": owner_id, "via": "api_key"}
    assert (me.json()["permissions"], me.json()["session"]) == (["tasks:read:own", "users:read"], None)
    assert (await program.get("/users")).status_code == 200
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")


@pytest.mark.promise("T1")
async def test_a_key_is_unknown_in_another_tenant(
    http: httpx.AsyncClient, home: TestTenant, neighbour: TestTenant
) -> None:
    made = await make_key(home.owner)

    answer = await with_key(http, neighbour, made["key"]).get("/users")

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.promise("S4")
async def test_a_mistyped_key_costs_no_connection(app: FastAPI, http: httpx.AsyncClient, alpha: TestTenant) -> None:
    good = KeySecret.new().text
    wrong = [good[:-1] + ("0" if good[-1] != "0" else "1"), good.upper(), good + "x", "ssk_", "", "a" * 9000]

    with watched(app) as traffic:
        answers = [await with_key(http, alpha, text).get("/users") for text in wrong]

    assert {answer.status_code for answer in answers} == {401}
    assert traffic.checkouts == 0


async def test_a_well_formed_key_that_nobody_has(http: httpx.AsyncClient, alpha: TestTenant) -> None:
    answer = await with_key(http, alpha, KeySecret.new().text).get("/users")

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_two_credentials_at_once_are_none(alpha: TestTenant) -> None:
    made = await make_key(alpha.owner)

    answer = await alpha.owner.get("/users", headers={"X-API-Key": made["key"]})

    assert (answer.status_code, answer.json()["code"]) == (400, "ambiguous_credentials")


@pytest.mark.parametrize("cached", [False, True])
async def test_an_expired_key_is_dead_also_when_it_is_cached(
    http: httpx.AsyncClient, config: Config, home: TestTenant, cached: bool
) -> None:
    """Behind the caches' back: only the time of the row changes, and nobody is told."""
    made = await make_key(home.owner)
    program = with_key(http, home, made["key"])
    async with owner_connection(config, home.name) as owner:
        change = "UPDATE api_keys SET expires_at = clock_timestamp() + $2 WHERE id = $1"
        if cached:
            await owner.execute(change, made["id"], timedelta(seconds=0.4))
            assert (await program.get("/auth/test")).status_code == 200
            await asyncio.sleep(0.4)
        else:
            await owner.execute(change, made["id"], timedelta(seconds=-1))

    assert (await program.get("/auth/test")).status_code == 401


@pytest.mark.parametrize(
    ("networks", "status"),
    [
        ([], 200),
        (["203.0.113.0/24"], 200),
        (["2001:db8::/32", "203.0.113.7/32"], 200),
        (["203.0.113.8/32"], 401),
        (["::/0"], 401),
    ],
)
async def test_a_key_works_only_from_where_it_may(
    http: httpx.AsyncClient, home: TestTenant, networks: list[str], status: int
) -> None:
    """The tests' client has the address 203.0.113.7."""
    made = await make_key(home.owner, allowed_cidrs=networks)
    program = with_key(http, home, made["key"])

    assert [(await program.get("/auth/test")).status_code for _ in range(2)] == [status, status]


async def test_a_change_of_the_key_acts_on_its_next_use(http: httpx.AsyncClient, home: TestTenant) -> None:
    made = await make_key(home.owner, "users:read", "roles:read")
    program, path = with_key(http, home, made["key"]), f"/users/api-keys/{made['id']}"
    assert (await program.get("/users")).status_code == 200

    await home.owner.patch(path, json={"permissions": ["roles:read"]})
    assert (await program.get("/users")).status_code == 403
    assert (await program.get("/users/roles")).status_code == 200
    await home.owner.patch(path, json={"allowed_cidrs": ["10.0.0.0/8"]})

    assert (await program.get("/users/roles")).status_code == 401


@pytest.mark.promise("I2")
@pytest.mark.parametrize("end", ["deactivated", "deleted"])
async def test_a_key_ends_with_its_owner(http: httpx.AsyncClient, home: TestTenant, end: str) -> None:
    person = await add_person(http, home, "admin", f"key-owner-{end}-{home.name[-4:]}")
    made = await make_key(person.api)
    program = with_key(http, home, made["key"])
    assert (await program.get("/users")).status_code == 200

    path = f"/users/{person.id}"
    if end == "deleted":
        assert (await home.owner.delete(path)).status_code == 204
    else:
        assert (await home.owner.patch(path, json={"is_active": False})).status_code == 200

    assert (await program.get("/users")).status_code == 401
    if end == "deactivated":
        assert (await home.owner.patch(path, json={"is_active": True})).status_code == 200
        assert (await program.get("/users")).status_code == 401
    assert (await home.owner.get(f"/users/api-keys/{made['id']}")).json()["revoked_at"] is not None


@pytest.mark.promise("I2")
async def test_what_the_owner_loses_the_key_loses(http: httpx.AsyncClient, home: TestTenant, config: Config) -> None:
    """Levels too: the key keeps the weaker one."""
    person = await add_person(http, home, "admin", f"key-loser-{home.name[-4:]}")
    made = await make_key(person.api, "users:read", "tasks:read")
    program = with_key(http, home, made["key"])
    assert (await program.get("/auth/me")).json()["permissions"] == ["tasks:read", "users:read"]

    async with owner_connection(config, home.name) as owner:
        await owner.execute("UPDATE user_roles SET role_id = $2 WHERE user_id = $1", person.id, home.role_ids["member"])
    # Any change of rights in the tenant has all of them looked up again.
    other = await add_person(http, home, "viewer", f"key-bystander-{home.name[-4:]}")
    assert (await home.owner.patch(f"/users/{other.id}", json={"is_active": False})).status_code == 200

    assert (await program.get("/auth/me")).json()["permissions"] == ["tasks:read:own"]
    assert (await program.get("/users")).status_code == 403


async def test_a_known_key_is_found_without_the_database(
    app: FastAPI, http: httpx.AsyncClient, alpha: TestTenant
) -> None:
    made = await make_key(alpha.owner)
    program = with_key(http, alpha, made["key"])
    await program.get("/auth/test")

    with watched(app) as traffic:
        assert (await program.get("/auth/test")).status_code == 200

    assert traffic.statements == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/auth/logout"),
        ("GET", "/auth/sessions"),
        ("DELETE", "/auth/sessions/01a2070b-d702-75af-a80e-ace08e3a517f"),
        ("POST", "/auth/mfa/totp"),
        ("POST", "/users/api-keys"),
        ("PATCH", "/users/api-keys/01a2070b-d702-75af-a80e-ace08e3a517f"),
    ],
)
async def test_some_things_want_a_login(http: httpx.AsyncClient, home: TestTenant, method: str, path: str) -> None:
    """A key must not end its owner's sessions, nor outlive itself in a key that it made."""
    made = await make_key(home.owner, "api_keys:create", "api_keys:update")

    answer = await with_key(http, home, made["key"]).request(method, path)

    assert (answer.status_code, answer.json()["code"]) == (403, "session_required")
    assert (await home.owner.get("/auth/test")).status_code == 200


async def test_the_audit_log_names_the_key(http: httpx.AsyncClient, config: Config, tenant: TestTenant) -> None:
    made = await make_key(tenant.owner, "users:create", name="Importer")
    body = {"email": "made@twin.example", "username": "made-by-key"}

    assert (await with_key(http, tenant, made["key"]).post("/users", json=body)).status_code == 201

    async with owner_connection(config, tenant.name) as owner:
        entry = await owner.fetchrow("SELECT * FROM audit_logs WHERE action = 'users.user.created' ORDER BY seq DESC")
    assert (entry["actor_type"], str(entry["actor_id"]), entry["actor_name"]) == ("api_key", made["id"], "Importer")
    assert entry["session_id"] is None


async def test_a_tenant_that_is_not_there(http: httpx.AsyncClient, alpha: TestTenant) -> None:
    made = await make_key(alpha.owner)

    answer = await Api(http, {"X-Tenant-ID": "nobody", "X-API-Key": made["key"]}).get("/users")

    assert (answer.status_code, answer.json()["code"]) == (404, "tenant_not_found")
