"""X-Tenant-ID: how a request says which tenant it is about, and in which order it is refused."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest
from fastapi import FastAPI

from common.config import Config
from migrations.notices import notify_change
from tests.support.probes import owner_connection, watched
from tests.support.problems import problem_of
from tests.support.world import API, PASSWORD, TestTenant

LOGIN = f"{API}/auth/login"
BODY = {"username": "owner", "password": PASSWORD}


async def log_in(http: httpx.AsyncClient, *tenants: str) -> httpx.Response:
    """Try to log in with these values of the header."""
    return await http.post(LOGIN, json=BODY, headers=[("X-Tenant-ID", tenant) for tenant in tenants])


async def eventually(tenant: TestTenant, status: int) -> httpx.Response:
    """The answer once what the registry says has got about: the process may remember for a moment."""
    deadline = time.monotonic() + 5
    answer = await tenant.owner.get("/auth/me")
    while answer.status_code != status and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
        answer = await tenant.owner.get("/auth/me")
    return answer


async def set_in_registry(config: Config, tenant: TestTenant, column: str, value: str) -> str:
    """Change the tenant's row, and let every process know, as the platform's operator would; what was there before."""
    async with owner_connection(config, "system") as connection, connection.transaction():
        before = await connection.fetchval(f"SELECT {column} FROM tenants WHERE schema_name = $1", tenant.name)
        await connection.execute(f"UPDATE tenants SET {column} = $1 WHERE schema_name = $2", value, tenant.name)
        await notify_change(connection, tenant.name)
    return str(before)


async def test_the_header_is_required(http: httpx.AsyncClient) -> None:
    problem_of(await log_in(http), 400, "tenant_required")


@pytest.mark.promise("T4")
@pytest.mark.parametrize(
    "value", ["", " ", "tenant_", "Alpha", "al pha", "a-b", "ä", "_a", "a" * 49, "a;b", "pg_catalog", "public", "a,b"]
)
async def test_what_cannot_be_a_tenant_is_refused(http: httpx.AsyncClient, value: str) -> None:
    answer = await http.post(LOGIN, json=BODY, headers=[(b"X-Tenant-ID", value.encode())])

    problem_of(answer, 400, "tenant_invalid")


async def test_the_header_may_come_only_once(http: httpx.AsyncClient, alpha: TestTenant) -> None:
    problem_of(await log_in(http, alpha.name, "tenant_beta"), 400, "tenant_invalid")
    problem_of(await log_in(http, alpha.name, alpha.name), 400, "tenant_invalid")


async def test_both_forms_name_the_same_tenant(alpha: TestTenant) -> None:
    answer = await alpha.member.get("/auth/test", headers={"X-Tenant-ID": "alpha"})

    assert (answer.status_code, answer.json()["tenant_id"]) == (200, "tenant_alpha")


async def test_an_unknown_tenant_is_not_found(http: httpx.AsyncClient) -> None:
    problem_of(await log_in(http, "tenant_nobody"), 404, "tenant_not_found")


@pytest.mark.promise("T1")
async def test_another_tenant_than_the_token_s_is_refused_before_any_database_work(
    app: FastAPI, alpha: TestTenant, beta: TestTenant
) -> None:
    with watched(app) as traffic:
        for name in (beta.name, "beta", "tenant_nobody"):
            answer = await alpha.owner.get("/auth/me", headers={"X-Tenant-ID": name})
            problem_of(answer, 403, "tenant_mismatch")

    assert traffic.checkouts == 0


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        (("status", "suspended"), 403, "tenant_suspended"),
        (("status", "deleting"), 404, "tenant_not_found"),
        (("revision", "0001"), 503, "tenant_outdated"),
    ],
)
async def test_a_tenant_that_is_not_served(
    tenant: TestTenant, config: Config, change: tuple[str, str], status: int, code: str
) -> None:
    """The open addresses are closed like the others."""
    before = await set_in_registry(config, tenant, *change)

    problem_of(await eventually(tenant, status), status, code)
    problem_of(await tenant.anonymous.post("/auth/login", json=BODY), status, code)

    await set_in_registry(config, tenant, change[0], before)
    assert (await eventually(tenant, 200)).status_code == 200


async def test_a_tenant_comes_back_without_a_restart(tenant: TestTenant, config: Config) -> None:
    await set_in_registry(config, tenant, "status", "suspended")
    assert (await eventually(tenant, 403)).status_code == 403

    await set_in_registry(config, tenant, "status", "active")

    assert (await eventually(tenant, 200)).status_code == 200


async def test_the_order_of_refusals(http: httpx.AsyncClient, alpha: TestTenant) -> None:
    """The header's form, the credential, its tenant, the permission, the query, the body: the first fault is named."""
    path, bad = f"{API}/users", {"Authorization": "Bearer bad", "Content-Type": "application/json"}
    query, body = {"nonsense": "1"}, b"{"
    member = {"Content-Type": "application/json", "Authorization": alpha.member.headers["Authorization"]}
    owner = {**member, "Authorization": alpha.owner.headers["Authorization"]}

    async def code(headers: dict[str, str], **params: str) -> str:
        answer = await http.post(path, headers=headers, content=body, params=params)
        return str(answer.json()["code"])

    assert await code(bad, **query) == "tenant_required"
    assert await code({**bad, "X-Tenant-ID": "no-tenant"}, **query) == "tenant_invalid"
    assert await code({**bad, "X-Tenant-ID": "x", "X-API-Key": "k"}, **query) == "ambiguous_credentials"
    assert await code({**bad, "X-Tenant-ID": "tenant_nobody"}, **query) == "unauthenticated"
    assert await code({**member, "X-Tenant-ID": "tenant_nobody"}, **query) == "tenant_mismatch"
    assert await code({**member, "X-Tenant-ID": "alpha"}, **query) == "permission_denied"
    assert await code({**owner, "X-Tenant-ID": "alpha"}, **query) == "unknown_parameter"
    assert await code({**owner, "X-Tenant-ID": "alpha"}) == "validation_failed"


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", "Bearer a"), ("Authorization", "Bearer b")],
        [("X-API-Key", "a"), ("X-API-Key", "b")],
        [("Authorization", "Bearer a"), ("X-API-Key", "a")],
    ],
)
async def test_two_credentials_are_one_too_many(http: httpx.AsyncClient, headers: list[tuple[str, str]]) -> None:
    answer = await http.get(f"{API}/auth/me", headers=[("X-Tenant-ID", "alpha"), *headers])

    problem_of(answer, 400, "ambiguous_credentials")


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer ", "Basic b3duZXI6eA==", "token", "Bearer a.b.c", "Bearer \xff"]
)
async def test_every_fault_of_a_credential_has_one_text(http: httpx.AsyncClient, alpha: TestTenant, value: str) -> None:
    headers = [(b"X-Tenant-ID", alpha.name.encode()), (b"Authorization", value.encode("latin-1"))]

    body = problem_of(await http.get(f"{API}/auth/me", headers=headers), 401, "unauthenticated")

    assert body["detail"] == "A valid access token or API key is required."
