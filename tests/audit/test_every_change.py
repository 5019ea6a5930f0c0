"""Every operation that changes something writes exactly one audit entry, and one that only reads writes none."""

from __future__ import annotations

from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI

from common.config import Config
from serving.guards import SignedIn
from serving.route import guard_of
from tests.audit.stage import HEADERS, Stage
from tests.support.audit_chain import assert_chain_whole
from tests.support.inputs import Prepared
from tests.support.operations import Operation, operations_of
from tests.support.probes import owner_connection
from tests.support.tool_operations import TOOLS

pytestmark = pytest.mark.promise("D2")

READING: Final = {
    "get_me", "test_authentication", "verify_tenant", "introspect_token", "list_own_sessions", "list_user_sessions",
    "list_users", "get_user", "list_roles", "get_role", "list_permissions", "list_teams", "get_team",
    "list_team_members", "list_user_roles", "list_user_permissions", "get_effective_permissions",
    "explain_permission", "list_api_keys", "get_api_key", "list_invitations", "get_invitation",
    "list_audit_logs", "get_audit_log", "verify_audit_log", "get_audit_checkpoint",
    "list_settings", "get_setting", "list_setting_history", "list_declared_settings", "get_public_settings",
    "list_feature_flags", "get_feature_flag", "get_flag_definition", "explain_feature_flag",
    "evaluate_flag", "evaluate_flags",
}.union(*(tool.reading for tool in TOOLS))  # fmt: skip
# operation: (action, type of the target)
CHANGING: Final = {
    "login": ("auth.login.succeeded", "user"),
    "refresh": ("auth.session.refreshed", "session"),
    "logout": ("auth.logout.local", "user"),
    "change_password": ("auth.password.changed", "user"),
    "request_password_reset": ("auth.password.reset_requested", None),  # whose address it is, nobody may tell
    "reset_password": ("auth.password.reset", "user"),
    "verify_email": ("auth.email.verified", "user"),
    "resend_verification": ("auth.email.verification_requested", None),
    "change_email": ("auth.email.change_requested", "user"),
    "end_own_session": ("auth.session.ended", "session"),
    "begin_totp": ("auth.mfa.begun", "user"),
    "confirm_totp": ("auth.mfa.enabled", "user"),
    "delete_totp": ("auth.mfa.disabled", "user"),
    "create_user": ("users.user.created", "user"),
    "replace_user": ("users.user.updated", "user"),
    "update_user": ("users.user.updated", "user"),
    "delete_user": ("users.user.deleted", "user"),
    "restore_user": ("users.user.restored", "user"),
    "mail_password_reset": ("users.user.password_reset_requested", "user"),
    "unlock_user": ("users.user.unlocked", "user"),
    "end_user_sessions": ("users.sessions.ended", "user"),
    "import_users": ("users.user.created", "user"),
    "export_users": ("users.exported", "users"),
    "create_role": ("users.role.created", "role"),
    "replace_role": ("users.role.updated", "role"),
    "update_role": ("users.role.updated", "role"),
    "delete_role": ("users.role.deleted", "role"),
    "create_team": ("users.team.created", "team"),
    "replace_team": ("users.team.updated", "team"),
    "update_team": ("users.team.updated", "team"),
    "delete_team": ("users.team.deleted", "team"),
    "set_team_member": ("users.team.members_changed", "team"),
    "remove_team_member": ("users.team.members_changed", "team"),
    "replace_user_roles": ("users.user.roles_replaced", "user"),
    "replace_user_permissions": ("users.user.permissions_replaced", "user"),
    "create_api_key": ("users.api_key.created", "api_key"),
    "update_api_key": ("users.api_key.updated", "api_key"),
    "rotate_api_key": ("users.api_key.rotated", "api_key"),
    "revoke_api_key": ("users.api_key.revoked", "api_key"),
    "create_invitation": ("users.invitation.created", "invitation"),
    "resend_invitation": ("users.invitation.resent", "invitation"),
    "revoke_invitation": ("users.invitation.revoked", "invitation"),
    "accept_invitation": ("users.invitation.accepted", "user"),
    "create_setting": ("settings.setting.created", "setting"),
    "replace_setting": ("settings.setting.updated", "setting"),
    "update_setting": ("settings.setting.updated", "setting"),
    "delete_setting": ("settings.setting.deleted", "setting"),
    "import_settings": ("settings.setting.created", "setting"),
    "export_settings": ("settings.exported", "settings"),
    "export_audit_logs": ("settings.audit.exported", "audit_logs"),
    "create_feature_flag": ("settings.flag.created", "feature_flag"),
    "replace_feature_flag": ("settings.flag.updated", "feature_flag"),
    "update_feature_flag": ("settings.flag.updated", "feature_flag"),
    "toggle_feature_flag": ("settings.flag.updated", "feature_flag"),
    "delete_feature_flag": ("settings.flag.deleted", "feature_flag"),
    "replace_flag_definition": ("settings.flags.replaced", "feature_flags"),
} | {name: entry for tool in TOOLS for name, entry in tool.changing.items()}
# What the platform does to a tenant, and what the tenant's own log says of it.
PLATFORM: Final = {
    "update_platform_tenant": "tenant.updated",
    "delete_platform_tenant": "tenant.updated",
    "export_tenant": "tenant.exported",
    "clone_tenant": "tenant.exported",
    "import_tenant": "tenant.imported",
}
PLATFORM_READING: Final = {
    "list_platform_tenants",
    "get_platform_tenant",
    "get_fleet_state",
    "list_platform_keys",
    "list_platform_audit_logs",
    "verify_platform_audit_log",
    "get_platform_audit_checkpoint",
    "get_platform_key",
    "list_system_settings",
    "get_system_setting",
}
# What concerns no tenant, so that no tenant's log has a place for it: the platform's own has.
PLATFORM_OWN: Final = {
    "create_platform_key": "platform.key.created",
    "revoke_platform_key": "platform.key.revoked",
    "put_system_setting": "settings.system_setting.updated",
    "delete_system_setting": "settings.system_setting.deleted",
}
# What the platform's own log says of what is done to tenants, whose logs go with them.
OUTLIVING: Final = {
    "initialize_tenant": "tenant.created",
    "update_platform_tenant": "tenant.updated",
    "delete_platform_tenant": "tenant.deletion_ordered",
    "export_tenant": "tenant.exported",
    "import_tenant": "tenant.imported",
}


def _operation(app: FastAPI, name: str) -> Operation:
    return next(item for item in operations_of(app) if item.name == name)


def test_every_operation_is_known_to_change_something_or_not(app: FastAPI) -> None:
    """A new operation fails here until it is listed, and with that its audit entry is tested."""
    # test_creating_a_tenant_writes_its_first_two_entries; a stream has no end, and no unit that could write
    elsewhere = {"initialize_tenant", "stream_flag_changes"}
    known = READING | CHANGING.keys() | PLATFORM.keys() | PLATFORM_READING | PLATFORM_OWN.keys() | elsewhere

    assert {operation.name for operation in operations_of(app)} == known


@pytest.mark.parametrize("name", CHANGING)
async def test_a_change_writes_one_complete_entry(name: str, app: FastAPI, still: Stage) -> None:
    action, target = CHANGING[name]
    operation = _operation(app, name)
    signed_in = isinstance(guard_of(operation.route), SignedIn)
    prepared = await still.preparations.prepare(operation, "admin" if signed_in else "anonymous")

    answer, entries = await still.entries_of(lambda _: prepared.send(**HEADERS))

    assert answer.status_code == (operation.route.status_code or 200), answer.text
    assert len(entries) == 1, [entry["action"] for entry in entries]
    entry = entries[0]
    assert (entry["action"], entry["outcome"]) == (action, "success")
    assert entry["target_type"] == target
    assert (entry["target_id"] is None) == (target is None)
    assert (entry["request_id"], entry["ip_address"], entry["user_agent"]) == (
        "the-request",
        "203.0.113.7",
        "the agent",
    )
    _assert_actor(entry, prepared, answer)


def _assert_actor(entry: dict[str, Any], prepared: Prepared, answer: httpx.Response) -> None:
    """Who did it, in which session."""
    if prepared.actor is None:
        assert entry["actor_type"] == "anonymous"
        return
    assert (entry["actor_type"], entry["actor_name"]) == ("user", prepared.actor)
    if prepared.caller is not None:
        assert str(entry["actor_id"]) == prepared.caller.id
        assert str(entry["session_id"]) == prepared.caller.tokens["session_id"]
    elif "session_id" in answer.text:
        assert str(entry["session_id"]) == answer.json()["session_id"]


@pytest.mark.parametrize("name", sorted(READING))
async def test_reading_writes_nothing(name: str, app: FastAPI, still: Stage) -> None:
    prepared = await still.preparations.prepare(_operation(app, name), "admin")

    answer, entries = await still.entries_of(lambda _: prepared.send())

    assert answer.status_code == 200, answer.text
    assert entries == []


@pytest.mark.parametrize("name", PLATFORM)
async def test_what_the_platform_does_is_in_the_tenants_own_log(
    name: str, app: FastAPI, still: Stage, config: Config
) -> None:
    """Also that it left: an export, and a clone, which begins as one."""
    operation = _operation(app, name)
    prepared = await still.preparations.prepare(operation, "platform")
    last = await _last_entry(config, prepared.tenant) if name != "import_tenant" else 0

    answer = await prepared.send(**HEADERS)

    assert answer.status_code == (operation.route.status_code or 200), answer.text
    async with owner_connection(config, f"tenant_{prepared.tenant}") as owner:
        rows = await owner.fetch("SELECT * FROM audit_logs WHERE request_id = 'the-request'")
        assert len(await assert_chain_whole(owner)) >= last + 1
    assert [(row["action"], row["actor_type"], row["target_type"]) for row in rows] == [
        (PLATFORM[name], "platform", "tenant")
    ]


@pytest.mark.parametrize(("name", "action"), (PLATFORM_OWN | OUTLIVING).items())
async def test_what_the_platform_does_is_in_its_own_log(
    name: str, action: str, app: FastAPI, still: Stage, config: Config
) -> None:
    operation = _operation(app, name)
    prepared = await still.preparations.prepare(operation, "platform")

    answer = await prepared.send(**{**HEADERS, "X-Request-ID": f"the-{name}"})

    assert answer.status_code == (operation.route.status_code or 200), answer.text
    async with owner_connection(config, "system") as owner:
        rows = await owner.fetch("SELECT * FROM audit_logs WHERE request_id = $1", f"the-{name}")
    assert [(row["action"], row["actor_type"], row["actor_name"]) for row in rows] == [
        (action, "platform", "PLATFORM_API_KEY")
    ]
    assert (rows[0]["tenant_id"] is None) == (name in PLATFORM_OWN)
    assert (rows[0]["ip_address"], rows[0]["user_agent"]) == ("203.0.113.7", "the agent")


async def _last_entry(config: Config, tenant: str | None) -> int:
    async with owner_connection(config, f"tenant_{tenant}") as owner:
        return int(await owner.fetchval("SELECT max(seq) FROM audit_logs"))


async def test_creating_a_tenant_writes_its_first_two_entries(still: Stage) -> None:
    rows = await still.owner.fetch("SELECT seq, action, actor_type, target_type FROM audit_logs WHERE seq <= 2")

    assert [tuple(row) for row in rows] == [
        (1, "tenant.created", "platform", "tenant"),
        (2, "users.user.created", "platform", "user"),
    ]
