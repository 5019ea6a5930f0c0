"""A tenant that operations are tried in, and what its audit log says of each."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
import httpx

from tests.support.inputs import Preparations
from tests.support.world import TestTenant

HEADERS: Final = {"X-Request-ID": "the-request", "User-Agent": "the agent", "X-Forwarded-For": "198.51.100.1"}
WRITTEN: Final = ("users", "user_roles", "user_sessions", "team_members", "idempotency_keys", "audit_logs")

Act = Callable[["Stage"], Awaitable[httpx.Response]]


@dataclass(slots=True)
class Stage:
    """A tenant with one user to change, its database, and what its audit log says about the last act."""

    tenant: TestTenant
    owner: asyncpg.Connection
    preparations: Preparations
    user: dict[str, Any] = field(default_factory=dict)

    async def entries_of(self, act: Act) -> tuple[httpx.Response, list[dict[str, Any]]]:
        """Act, and read what was written about it."""
        last = await self.owner.fetchval("SELECT max(seq) FROM audit_logs")
        answer = await act(self)
        rows = await self.owner.fetch("SELECT * FROM audit_logs WHERE seq > $1 ORDER BY seq", last)
        return answer, [dict(row) | {"changes": json.loads(row["changes"])} for row in rows]

    async def sizes(self) -> dict[str, int]:
        """How many rows each table has."""
        return {name: await self.owner.fetchval(f"SELECT count(*) FROM {name}") for name in WRITTEN}

    def post(self, path: str, body: Any, **headers: str) -> Awaitable[httpx.Response]:
        """Post as the owner."""
        return self.tenant.owner.post(path, json=body, headers=HEADERS | headers)


def body_of_user(name: str, **more: Any) -> dict[str, Any]:
    """What a user must have."""
    return {"email": f"{name}@twin.example", "username": name, **more}


def as_anonymous(path: str, body: Any) -> Act:
    """Post without a credential."""
    return lambda stage: stage.tenant.anonymous.post(path, json=body, headers=HEADERS)


def on_user(method: str, body: Any = None, headers: dict[str, str] | None = None) -> Act:
    """Do something to the one user, as the owner."""

    def act(stage: Stage) -> Awaitable[httpx.Response]:
        path, merged = f"/users/{stage.user['id']}", HEADERS | (headers or {})
        return stage.tenant.owner.request(method, path, json=body, headers=merged)

    return act
