"""A field that a body does not have is refused, above all one that the table does have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import asyncpg
import pytest
from fastapi import FastAPI

from serving.guards import PlatformKey, PlatformOperator
from serving.route import guard_of
from tests.support.inputs import FILES, Preparations, Prepared, body_of
from tests.support.operations import Operation, operations_of
from tests.support.tool_operations import TOOLS
from tests.support.world import TestTenant

pytestmark = pytest.mark.promise("R3")

FIELDS: Final = (
    "is_superuser", "is_admin", "tenant_id", "schema_name", "password_hash", "id", "user_id", "version", "roles",
    "teams", "permissions", "rank", "is_system", "is_verified", "mfa_enabled", "created_at", "updated_at",
    "deleted_at", "last_login_at", "password_changed_at", "email_normalized", "username_normalized", "granted_by",
    "session_id", "digest", "key", "prefix", "revoked_at", "used_at", "invited_by", "accepted_at", "revision",
    "__proto__", "constructor", "Email", "email ", "",
)  # fmt: skip
NAMES: Final = (
    "login", "refresh", "change_password", "request_password_reset", "reset_password", "verify_email",
    "resend_verification", "change_email", "confirm_totp", "delete_totp", "initialize_tenant",
    "update_platform_tenant", "clone_tenant", "create_platform_key", "create_user", "replace_user", "update_user",
    "create_role", "replace_role", "update_role", "create_team", "replace_team", "update_team", "set_team_member",
    "replace_user_roles", "replace_user_permissions", "create_api_key", "update_api_key", "rotate_api_key",
    "create_invitation", "accept_invitation", "create_setting", "replace_setting", "update_setting",
    "put_system_setting", "create_feature_flag", "replace_feature_flag", "update_feature_flag",
    "replace_flag_definition", "explain_feature_flag", *(name for tool in TOOLS for name in tool.bodies),
)  # fmt: skip
TABLES: Final = (
    "users", "user_roles", "user_permissions", "roles", "role_permissions", "teams", "team_members", "team_roles",
    "user_sessions", "user_totp", "api_keys", "invitations", "settings", "system.settings", "system.tenants",
    "audit_logs", "feature_flags", "flag_sets", *(table for tool in TOOLS for table in tool.tables),
)  # fmt: skip
FREE: Final = {"variants", "flags"}  # whose names are the caller's own


def _bodies(name: str, field: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A valid body with the field added, at every level it has, and where the fault must be reported."""
    body = body_of(name) or {}
    if field not in body:  # a role's ``permissions`` are its business
        yield f"/body/{field}", {**body, field: True}
    for inner, value in body.items():
        if isinstance(value, dict) and inner not in FREE:
            yield f"/body/{inner}/{field}", {**body, inner: {**value, field: True}}
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield f"/body/{inner}/0/{field}", {**body, inner: [{**value[0], field: True}]}


def test_every_operation_with_a_body_is_tested(app: FastAPI) -> None:
    assert set(NAMES) == {item.name for item in operations_of(app) if item.route.body_field is not None} - FILES


async def _state(owner: asyncpg.Connection) -> dict[str, str]:
    """A digest of every table that somebody might reach for."""
    digests = (
        f"SELECT '{table}', md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table} t"
        for table in TABLES
    )
    return dict(await owner.fetch(" UNION ALL ".join(digests)))


@pytest.mark.parametrize("name", NAMES)
async def test_an_unknown_field_is_refused_and_nothing_is_stored(
    name: str, app: FastAPI, owner: asyncpg.Connection, preparations: Preparations
) -> None:
    operation = next(item for item in operations_of(app) if item.name == name)
    prepared = await _prepare(operation, preparations)
    before = await _state(owner)

    for field in FIELDS:
        for pointer, body in _bodies(name, field):
            answer = await prepared.api.request(operation.method, prepared.path, json=body)
            assert answer.status_code == 422, (field, answer.text)
            problems = answer.json()["errors"]
            assert [item["pointer"] for item in problems if item["code"] == "extra_forbidden"] == [pointer]

    assert await _state(owner) == before


async def _prepare(operation: Operation, preparations: Preparations) -> Prepared:
    """Whoever may do it is about to; only the body is still to come."""
    of_platform = isinstance(guard_of(operation.route), PlatformKey | PlatformOperator)
    return await preparations.prepare(operation, "platform" if of_platform else "owner")


@pytest.mark.parametrize("column", ["is_superuser", "tenant_id", "password_hash", "id", "role_ids", ""])
async def test_an_unknown_column_of_an_import_is_refused(
    column: str, alpha: TestTenant, owner: asyncpg.Connection
) -> None:
    before = await _state(owner)

    answer = await alpha.owner.post(
        "/users/import",
        content=f"email,username,{column}\nstray@twin.example,stray,1\n",
        headers={"Content-Type": "text/csv"},
    )

    assert answer.status_code == 422, answer.text
    assert await _state(owner) == before
