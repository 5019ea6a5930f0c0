"""A valid input for every operation, so that what answers 401 or 403 does so for want of a right only."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, Final

import asyncpg
import httpx

from tests.rights.conftest import insert_user
from tests.support.operations import Operation
from tests.support.servers import PLATFORM_KEY
from tests.support.world import PASSWORD, Api, TestTenant, sign_in

_numbers = itertools.count(1)

# Operations that end or spend the caller's session, and so get one of their own.
SPENDING: Final = {"logout", "refresh"}


def body_of(operation: str, tokens: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
    """A body that the operation accepts; None for those without."""
    name = f"input{next(_numbers)}"
    account = {"email": f"{name}@twin.example", "username": name}
    bodies: dict[str, dict[str, Any]] = {
        "login": {"username": "viewer", "password": PASSWORD},
        "refresh": {"refresh_token": tokens["refresh_token"] if tokens else "ssr_"},
        "initialize_tenant": {"name": name, "admin": {**account, "password": PASSWORD}},
        "create_user": account,
        "replace_user": account,
        "update_user": {"full_name": name},
    }
    return bodies.get(operation)


async def caller(http: httpx.AsyncClient, tenant: TestTenant, role: str, operation: str) -> tuple[Api, Any]:
    """A client of somebody with that role, and tokens to spend."""
    spent = await sign_in(http, tenant, "viewer") if operation == "refresh" else None
    if role == "anonymous":
        return tenant.anonymous, spent and spent.tokens
    if role == "platform":
        headers = {**tenant.anonymous.headers, "X-Platform-Key": PLATFORM_KEY}
        return Api(http, headers), spent and spent.tokens
    person = await sign_in(http, tenant, role) if operation == "logout" else tenant.people[role]
    return person.api, spent and spent.tokens


async def call(
    http: httpx.AsyncClient, tenant: TestTenant, owner: asyncpg.Connection, operation: Operation, role: str
) -> httpx.Response:
    """Really do it, to a user that nobody else needs."""
    api, tokens = await caller(http, tenant, role, operation.name)
    path = operation.path
    if "{user_id}" in path:
        path = path.replace("{user_id}", await insert_user(owner))
    headers = {"X-Tenant-ID": f"tenant_made{next(_numbers)}"} if operation.name == "initialize_tenant" else {}
    return await api.request(operation.method, path, json=body_of(operation.name, tokens), headers=headers)
