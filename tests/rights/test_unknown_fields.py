"""A field that a body does not have is refused, above all one that the table does have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from tests.rights.conftest import insert_user
from tests.rights.inputs import body_of
from tests.support.operations import Operation, operations_of
from tests.support.servers import PLATFORM_KEY
from tests.support.world import TestTenant

pytestmark = pytest.mark.promise("R3")

FIELDS: Final = (
    "is_superuser", "is_admin", "tenant_id", "schema_name", "password_hash", "id", "user_id", "version", "roles",
    "teams", "permissions", "rank", "is_verified", "mfa_enabled", "created_at", "updated_at", "deleted_at",
    "last_login_at", "password_changed_at", "email_normalized", "username_normalized", "granted_by", "session_id",
    "__proto__", "constructor", "Email", "email ", "",
)  # fmt: skip
NAMES: Final = ("login", "refresh", "initialize_tenant", "create_user", "replace_user", "update_user")


def _bodies(name: str, field: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A valid body with the field added, at every level it has, and where the fault must be reported."""
    body = body_of(name) or {}
    yield f"/body/{field}", {**body, field: True}
    for inner, value in body.items():
        if isinstance(value, dict):
            yield f"/body/{inner}/{field}", {**body, inner: {**value, field: True}}


def test_every_operation_with_a_body_is_tested(app: FastAPI) -> None:
    assert set(NAMES) == {item.name for item in operations_of(app) if item.route.body_field is not None}


async def _state(owner: asyncpg.Connection, user_id: str) -> list[Any]:
    tables = ("users", "user_roles", "team_members", "user_sessions", "system.tenants", "audit_logs")
    counts = [await owner.fetchval(f"SELECT count(*) FROM {table}") for table in tables]
    return [*counts, await owner.fetchrow("SELECT * FROM users WHERE id = $1", user_id)]


@pytest.mark.parametrize("name", NAMES)
async def test_an_unknown_field_is_refused_and_nothing_is_stored(
    name: str, app: FastAPI, alpha: TestTenant, owner: asyncpg.Connection
) -> None:
    operation = next(item for item in operations_of(app) if item.name == name)
    user_id = await insert_user(owner)
    before = await _state(owner, user_id)

    for field in FIELDS:
        for pointer, body in _bodies(name, field):
            answer = await _send(alpha, operation, user_id, body)
            assert answer.status_code == 422, (field, answer.text)
            problems = answer.json()["errors"]
            assert [item["pointer"] for item in problems if item["code"] == "extra_forbidden"] == [pointer]

    assert await _state(owner, user_id) == before


async def _send(alpha: TestTenant, operation: Operation, user_id: str, body: dict[str, Any]) -> httpx.Response:
    path = operation.path.replace("{user_id}", user_id)
    if operation.name == "initialize_tenant":
        headers = {"X-Tenant-ID": "tenant_never_made", "X-Platform-Key": PLATFORM_KEY}
        return await alpha.anonymous.post(path, json=body, headers=headers)
    return await alpha.owner.request(operation.method, path, json=body)
