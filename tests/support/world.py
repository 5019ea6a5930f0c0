"""Two tenants with twin data: the same names, roles and addresses in both, told apart only by canaries.

Whatever of ``beta`` shows up in an answer to ``alpha`` carries beta's canary, so one search finds every leak.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from fastapi import FastAPI

from tests.support.servers import PLATFORM_KEY

API: Final = "/api/v1"
PASSWORD: Final = "a password for the tests"
ROLES: Final = ("owner", "admin", "manager", "member", "viewer")

_numbers = itertools.count(1)


class Api:
    """A client that sends a tenant's header and, when signed in, a token. Paths are relative to ``/api/v1``; those that
    begin with ``//``, to the root."""

    def __init__(self, http: httpx.AsyncClient, headers: Mapping[str, str]) -> None:
        self._http = http
        self.headers = dict(headers)

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request; ``headers`` are added, and a None value takes one of ours away."""
        merged = {**self.headers, **(options.pop("headers", None) or {})}
        headers = {name: value for name, value in merged.items() if value is not None}
        return await self._http.request(method, self._address(path), headers=headers, **options)

    @staticmethod
    def _address(path: str) -> str:
        return path[1:] if path.startswith("//") else API + path

    def stream(self, method: str, path: str) -> AbstractAsyncContextManager[httpx.Response]:
        """An answer that is read while it is being sent."""
        return self._http.stream(method, self._address(path), headers=self.headers)

    async def get(self, path: str, **options: Any) -> httpx.Response:
        """Send a GET request."""
        return await self.request("GET", path, **options)

    async def post(self, path: str, **options: Any) -> httpx.Response:
        """Send a POST request."""
        return await self.request("POST", path, **options)

    async def put(self, path: str, **options: Any) -> httpx.Response:
        """Send a PUT request."""
        return await self.request("PUT", path, **options)

    async def patch(self, path: str, **options: Any) -> httpx.Response:
        """Send a PATCH request."""
        return await self.request("PATCH", path, **options)

    async def delete(self, path: str, **options: Any) -> httpx.Response:
        """Send a DELETE request."""
        return await self.request("DELETE", path, **options)


@dataclass(slots=True)
class Person:
    """Somebody who can sign in."""

    id: str
    username: str
    email: str
    tokens: dict[str, Any]
    api: Api


@dataclass(slots=True)
class TestTenant:
    """A tenant with one person for each system role."""

    __test__ = False  # not a test class, whatever its name says to pytest

    name: str
    canary: str
    anonymous: Api
    people: dict[str, Person] = field(default_factory=dict)
    role_ids: dict[str, str] = field(default_factory=dict)

    @property
    def owner(self) -> Api:
        """The owner's client."""
        return self.people["owner"].api

    @property
    def member(self) -> Api:
        """A plain member's client."""
        return self.people["member"].api


def client_of(app: FastAPI, address: str = "203.0.113.7") -> httpx.AsyncClient:
    """A client that calls the application in this process. Limits are counted by address."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 40000))
    return httpx.AsyncClient(transport=transport, base_url="http://service.test")


async def create_tenant(http: httpx.AsyncClient, name: str | None = None) -> TestTenant:
    """Create a tenant through the API; only its owner can sign in."""
    name = name or f"tenant_t{next(_numbers)}"
    canary = f"canary-of-{name}"
    tenant = TestTenant(name, canary, Api(http, {"X-Tenant-ID": name}))
    admin = {
        "email": "owner@twin.example",
        "username": "owner",
        "password": PASSWORD,
        "full_name": f"Owner {canary}",
    }
    created = await tenant.anonymous.post(
        "/auth/initialize-tenant", headers={"X-Platform-Key": PLATFORM_KEY}, json={"name": canary, "admin": admin}
    )
    assert created.status_code == 201, created.text
    tenant.people["owner"] = await sign_in(http, tenant, "owner")
    roles = (await tenant.owner.get("/users/roles")).json()["items"]
    tenant.role_ids = {role["name"]: role["id"] for role in roles}
    return tenant


async def add_person(http: httpx.AsyncClient, tenant: TestTenant, role: str, username: str | None = None) -> Person:
    """Create a user with a system role and sign it in."""
    username = username or role
    body = {
        "email": f"{username}@twin.example",
        "username": username,
        "password": PASSWORD,
        "full_name": f"{username} {tenant.canary}",
        "role_ids": [tenant.role_ids[role]],
    }
    created = await tenant.owner.post("/users", json=body)
    assert created.status_code == 201, created.text
    return await sign_in(http, tenant, username)


async def sign_in(http: httpx.AsyncClient, tenant: TestTenant, username: str) -> Person:
    """Log somebody in."""
    answer = await tenant.anonymous.post("/auth/login", json={"username": username, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    tokens = answer.json()
    headers = {"X-Tenant-ID": tenant.name, "Authorization": f"Bearer {tokens['access_token']}"}
    return Person(tokens["user"]["id"], username, tokens["user"]["email"], tokens, Api(http, headers))


async def create_twin(http: httpx.AsyncClient, name: str) -> TestTenant:
    """A tenant with a person for every role, alike in all tenants but for the canary."""
    tenant = await create_tenant(http, name)
    for role in ROLES[1:]:
        tenant.people[role] = await add_person(http, tenant, role)
    return tenant
