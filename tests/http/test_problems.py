"""Errors: application/problem+json of one shape for every status, and nothing of the inside."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from common.config import Config
from tests.support.probes import owner_connection
from tests.support.problems import problem_of
from tests.support.world import API, Api, TestTenant


@pytest.fixture
def owner(alpha: TestTenant) -> Api:
    """Somebody who may do everything."""
    return alpha.owner


async def test_404_for_an_address_nobody_serves(http: httpx.AsyncClient) -> None:
    body = problem_of(await http.get("/nowhere/at all?x=1"), 404, "not_found")

    assert body["instance"] == "/nowhere/at%20all"


@pytest.mark.parametrize("path", ["/users/", "/users//", "/auth/login/", "//users"])
async def test_a_slash_too_many_is_another_address_and_redirects_nowhere(owner: Api, path: str) -> None:
    problem_of(await owner.get(path), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", f"{API}/users", "GET, HEAD, POST"),
        ("OPTIONS", f"{API}/users", "GET, HEAD, POST"),
        ("TRACE", f"{API}/auth/login", "POST"),
        ("PROPFIND", f"{API}/users/00000000-0000-7000-8000-000000000000", "DELETE, GET, HEAD, PATCH, PUT"),
        ("POST", "/health", "GET, HEAD"),
        # These words are no ids: what stands beside the items of a list is an address of its own.
        ("PUT", f"{API}/users/roles", "GET, HEAD, POST"),
        ("GET", f"{API}/users/import", "POST"),
        ("POST", f"{API}/users/permissions", "GET, HEAD"),
        ("DELETE", f"{API}/settings/public", "GET, HEAD"),
        ("GET", f"{API}/settings/audit-logs/verify", "POST"),
        ("PATCH", f"{API}/settings/feature-flags/definition", "GET, HEAD, PUT"),
    ],
)
async def test_405_names_every_method_the_address_has(
    http: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await http.request(method, path)

    problem_of(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == allowed


async def test_409_says_which_rule_was_broken(owner: Api, alpha: TestTenant) -> None:
    member = alpha.people["member"]
    address = {"email": member.email.upper(), "username": "somebody-new"}
    name = {"email": "new@twin.example", "username": member.username.upper()}

    problem_of(await owner.post("/users", json=address), 409, "email_taken")
    problem_of(await owner.post("/users", json=name), 409, "username_taken")


async def test_412_413_and_422(owner: Api, alpha: TestTenant) -> None:
    path = f"/users/{alpha.people['member'].id}"

    problem_of(await owner.patch(path, json={}, headers={"If-Match": '"v999"'}), 412, "version_conflict")
    problem_of(await owner.patch(path, json={"full_name": "x" * 2**20}), 413, "body_too_large")
    body = problem_of(await owner.patch(path, json={"full_name": 7, "locale": None}), 422, "validation_failed")
    assert {error["pointer"] for error in body["errors"]} == {"/body/full_name", "/body/locale"}


async def test_422_for_what_only_the_database_knows(owner: Api) -> None:
    unknown = str(uuid4())
    person = {"email": "ref@twin.example", "username": "ref"}

    role = problem_of(await owner.post("/users", json={**person, "role_ids": [unknown]}), 422, "unknown_reference")
    problem_of(await owner.post("/users", json={**person, "team_ids": [unknown]}), 422, "unknown_reference")

    assert role["errors"][0]["pointer"] == "/body/role_ids/0"
    assert (await owner.get("/users", params={"q": "ref@twin"})).json()["items"] == []


@pytest.mark.promise("I8")
async def test_500_tells_only_the_request_id(tenant: TestTenant, config: Config) -> None:
    """The defect: a column that the code asks for and the database has not."""
    async with owner_connection(config, tenant.name) as connection:
        await connection.execute("ALTER TABLE users RENAME COLUMN avatar_url TO picture")

    answer = await tenant.owner.get("/users", headers={"X-Request-ID": "find-me", "Origin": "https://app.example"})

    body = problem_of(answer, 500, "internal_error")
    assert body["request_id"] == "find-me"
    assert "picture" not in answer.text
    assert "avatar_url" not in answer.text
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


async def test_the_input_is_not_echoed(owner: Api) -> None:
    secret = "a password that nobody should read back" * 10

    answer = await owner.post("/users", json={"email": secret, "username": secret, "password": secret})

    problem_of(answer, 422, "validation_failed")
    assert "nobody should read" not in answer.text
