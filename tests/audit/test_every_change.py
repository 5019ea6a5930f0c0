"""Every operation that changes something writes exactly one audit entry, and one that fails writes nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from common.config import Config
from tests.support.audit_chain import assert_chain_whole
from tests.support.operations import operations_of
from tests.support.probes import owner_connection
from tests.support.servers import PLATFORM_KEY
from tests.support.world import PASSWORD, TestTenant, create_tenant

pytestmark = pytest.mark.promise("D2")

TAKEN: Final = {"email": "y@twin.example", "username": "target"}
READING: Final = {
    "get_me", "test_authentication", "verify_tenant", "list_roles", "list_permissions", "list_users", "get_user",
}  # fmt: skip
HEADERS: Final = {"X-Request-ID": "the-request", "User-Agent": "the agent", "X-Forwarded-For": "198.51.100.1"}
WRITTEN: Final = ("users", "user_roles", "user_sessions", "team_members", "idempotency_keys", "audit_logs")

Act = Callable[["Stage"], Awaitable[httpx.Response]]


@dataclass(slots=True)
class Stage:
    """A tenant with one user to change, its database, and what its audit log says about the last act."""

    tenant: TestTenant
    owner: asyncpg.Connection
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


@asynccontextmanager
async def _staged(http: httpx.AsyncClient, config: Config) -> AsyncIterator[Stage]:
    tenant = await create_tenant(http)
    async with owner_connection(config, tenant.name) as owner:
        made = Stage(tenant, owner)
        made.user = (await made.post("/users", _body("target"))).json()
        yield made
        await assert_chain_whole(owner)


@pytest.fixture
async def stage(http: httpx.AsyncClient, config: Config) -> AsyncIterator[Stage]:
    """A fresh tenant, to be changed."""
    async with _staged(http, config) as made:
        yield made


@pytest.fixture(scope="module")
async def still(http: httpx.AsyncClient, config: Config) -> AsyncIterator[Stage]:
    """A tenant that nothing changes, for all tests that try and fail."""
    async with _staged(http, config) as made:
        yield made


def _body(name: str, **more: Any) -> dict[str, Any]:
    return {"email": f"{name}@twin.example", "username": name, **more}


def _anonymous(path: str, body: Any) -> Act:
    return lambda stage: stage.tenant.anonymous.post(path, json=body, headers=HEADERS)


def _on_user(method: str, body: Any = None, headers: dict[str, str] | None = None) -> Act:
    def act(stage: Stage) -> Awaitable[httpx.Response]:
        path, merged = f"/users/{stage.user['id']}", HEADERS | (headers or {})
        return stage.tenant.owner.request(method, path, json=body, headers=merged)

    return act


def _refresh(stage: Stage) -> Awaitable[httpx.Response]:
    token = stage.tenant.people["owner"].tokens["refresh_token"]
    return stage.tenant.anonymous.post("/auth/refresh", json={"refresh_token": token}, headers=HEADERS)


# operation: (act, status, action, what changed)
CHANGING: Final[dict[str, tuple[Act, int, str, dict[str, tuple[Any, Any]]]]] = {
    "login": (_anonymous("/auth/login", {"username": "owner", "password": PASSWORD}), 200, "auth.login.succeeded", {}),
    "refresh": (_refresh, 200, "auth.session.refreshed", {}),
    "logout": (
        lambda stage: stage.tenant.owner.post("/auth/logout", headers=HEADERS), 204, "auth.logout.local", {},
    ),
    "create_user": (
        lambda stage: stage.post("/users", _body("fresh", full_name="Fresh")), 201, "users.user.created",
        {"full_name": (None, "Fresh"), "is_active": (None, True)},
    ),
    "replace_user": (
        _on_user("PUT", _body("target", full_name="New")), 200, "users.user.updated", {"full_name": (None, "New")},
    ),
    "update_user": (
        _on_user("PATCH", {"email": "new@twin.example"}), 200, "users.user.updated",
        {"email": ("target@twin.example", "new@twin.example")},
    ),
    "delete_user": (_on_user("DELETE"), 204, "users.user.deleted", {}),
}  # fmt: skip


def test_every_operation_is_known_to_change_something_or_not(app: FastAPI) -> None:
    """A new operation fails here until it is listed, and with that its audit entry is tested."""
    elsewhere = {"initialize_tenant"}  # test_creating_a_tenant_writes_its_first_two_entries

    assert {operation.name for operation in operations_of(app)} == READING | set(CHANGING) | elsewhere


@pytest.mark.parametrize("name", CHANGING)
async def test_a_change_writes_one_complete_entry(name: str, stage: Stage) -> None:
    act, status, action, changed = CHANGING[name]
    session = stage.tenant.people["owner"].tokens["session_id"]

    answer, entries = await stage.entries_of(act)

    assert answer.status_code == status, answer.text
    assert len(entries) == 1
    entry = entries[0]
    assert (entry["action"], entry["outcome"], entry["actor_name"]) == (action, "success", "owner")
    assert str(entry["actor_id"]) == stage.tenant.people["owner"].id
    assert (entry["request_id"], entry["ip_address"], entry["user_agent"]) == (
        "the-request",
        "203.0.113.7",
        "the agent",
    )
    assert str(entry["session_id"]) == (answer.json()["session_id"] if name == "login" else session)
    assert entry["target_type"]
    assert entry["target_id"]
    seen = {change["path"]: (change["old"], change["new"]) for change in entry["changes"]}
    assert changed.items() <= seen.items()


@pytest.mark.promise("I8")
async def test_a_new_password_is_in_no_entry(stage: Stage) -> None:
    body = _body("fresh", password="a canary of a password")

    _, entries = await stage.entries_of(lambda stage: stage.post("/users", body))

    assert "canary" not in repr(entries)
    assert "argon2" not in repr(entries)


@pytest.mark.parametrize("operation", sorted(READING - {"verify_tenant"}))
async def test_reading_writes_nothing(operation: str, app: FastAPI, still: Stage) -> None:
    path = next(item.path for item in operations_of(app) if item.name == operation)

    answer, entries = await still.entries_of(
        lambda stage: stage.tenant.owner.get(path.replace("{user_id}", stage.user["id"]))
    )

    assert answer.status_code == 200
    assert entries == []


async def test_creating_a_tenant_writes_its_first_two_entries(still: Stage) -> None:
    rows = await still.owner.fetch("SELECT seq, action, actor_type, target_type FROM audit_logs WHERE seq <= 2")

    assert [tuple(row) for row in rows] == [
        (1, "tenant.created", "platform", "tenant"),
        (2, "users.user.created", "platform", "user"),
    ]


FAILING: Final[dict[str, tuple[Act, int]]] = {
    "taken_email": (lambda stage: stage.post("/users", {**_body("new"), "email": "OWNER@twin.example"}), 409),
    "taken_username": (lambda stage: stage.post("/users", TAKEN), 409),
    "taken_name_in_a_repeatable_request": (
        lambda stage: stage.post("/users", TAKEN, **{"Idempotency-Key": "k"}), 409,
    ),
    "unknown_role": (
        lambda stage: stage.post("/users", _body("new", role_ids=["01a2070b-d702-75af-a80e-ace08e3a517f"])), 422,
    ),
    "unknown_team": (
        lambda stage: stage.post("/users", _body("new", team_ids=["01a2070b-d702-75af-a80e-ace08e3a517f"])), 422,
    ),
    "short_password": (lambda stage: stage.post("/users", _body("new", password="short")), 422),
    "stale_patch": (_on_user("PATCH", {"full_name": "x"}, {"If-Match": '"v9"'}), 412),
    "stale_put": (_on_user("PUT", _body("target", full_name="x"), {"If-Match": '"v9"'}), 412),
    "stale_delete": (_on_user("DELETE", None, {"If-Match": '"v9"'}), 412),
    "renamed_to_a_taken_name": (_on_user("PATCH", {"username": "OWNER"}), 409),
    "last_owner_deleted": (
        lambda stage: stage.tenant.owner.delete(f"/users/{stage.tenant.people['owner'].id}"), 409,
    ),
    "unknown_refresh_token": (_anonymous("/auth/refresh", {"refresh_token": "ssr_AAAA"}), 401),
    "tenant_exists": (
        lambda stage: stage.tenant.anonymous.post(
            "/auth/initialize-tenant",
            json={"name": "x", "admin": _body("second", password=PASSWORD)},
            headers={"X-Platform-Key": PLATFORM_KEY},
        ), 409,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FAILING)
async def test_what_fails_writes_no_entry_and_no_row(case: str, still: Stage) -> None:
    act, status = FAILING[case]
    before = await still.sizes()

    answer, entries = await still.entries_of(act)

    assert answer.status_code == status, answer.text
    assert entries == []
    assert await still.sizes() == before


async def test_a_change_that_changes_nothing_writes_nothing(still: Stage) -> None:
    _, entries = await still.entries_of(_on_user("PATCH", {"username": "target"}))

    assert entries == []
