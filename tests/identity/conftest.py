"""Sessions to spend: each test that ends one opens its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from common.config import Config
from common.keys import from_base64url, to_base64url
from tests.support.probes import owner_connection
from tests.support.world import Person, TestTenant, sign_in

Refresh = Callable[[str], Awaitable[httpx.Response]]
Session = Callable[[], Awaitable[dict[str, Any]]]


@pytest.fixture
async def person(http: httpx.AsyncClient, alpha: TestTenant) -> Person:
    """Alpha's member, in a session of the test's own."""
    return await sign_in(http, alpha, "member")


@pytest.fixture
def refresh(alpha: TestTenant) -> Refresh:
    """Exchange a refresh token in alpha."""

    async def exchange(token: str) -> httpx.Response:
        return await alpha.anonymous.post("/auth/refresh", json={"refresh_token": token})

    return exchange


@pytest.fixture
def session_row(config: Config, alpha: TestTenant, person: Person) -> Session:
    """What the database knows of that session."""

    async def read() -> dict[str, Any]:
        async with owner_connection(config, alpha.name) as owner:
            row = await owner.fetchrow("SELECT * FROM user_sessions WHERE id = $1", person.tokens["session_id"])
            return dict(row)

    return read


def refresh_bytes(token: str) -> bytes:
    """A refresh token's bytes: session id (16), generation (4), secret (32), tag (16)."""
    data = from_base64url(token.removeprefix("ssr_"))
    assert data is not None
    return data


def refresh_text(data: bytes) -> str:
    """Those bytes, whatever they are, in the form of a refresh token."""
    return "ssr_" + to_base64url(data)


async def set_session(config: Config, tenant: TestTenant, person: Person, assignment: str) -> None:
    """Change the row of a person's session behind the service's back."""
    async with owner_connection(config, tenant.name) as owner:
        await owner.execute(f"UPDATE user_sessions SET {assignment} WHERE id = $1", person.tokens["session_id"])
