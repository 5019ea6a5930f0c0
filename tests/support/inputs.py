"""A valid input for every operation of the service, about things that no other test needs.

What is refused although its input is valid is refused for want of a right; and every operation can be done, once, by
whoever may do it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import asyncpg
import httpx
import pyotp

from tests.support import things
from tests.support.operations import Operation
from tests.support.servers import PLATFORM_KEY
from tests.support.things import word
from tests.support.tool_operations import TOOLS
from tests.support.world import PASSWORD, ROLES, Api, Person, TestTenant

# Operations whose body is a file or a form, not JSON.
FILES: Final = {"import_users", "import_tenant", "import_settings", "introspect_token"}.union(
    *(tool.files for tool in TOOLS)
)
# Operations that end the caller's session or change his account, and so get a caller of their own.
SPENDING: Final = {"logout", "change_password", "change_email", "begin_totp", "confirm_totp", "delete_totp"}
NEW_PASSWORD: Final = "another sentence nobody guesses"


def body_of(operation: str, **known: Any) -> dict[str, Any] | None:
    """A JSON body that the operation accepts; None for those without. ``known`` are the secrets it must name."""
    name = word()
    account = {"email": f"{name}@twin.example", "username": name}
    given = {"username": "viewer", "refresh_token": "ssr_", "token": "unknown", "code": "000000"} | known
    bodies: dict[str, dict[str, Any]] = {
        "login": {"username": given["username"], "password": PASSWORD},
        "refresh": {"refresh_token": given["refresh_token"]},
        "change_password": {"current_password": PASSWORD, "new_password": NEW_PASSWORD},
        "request_password_reset": {"email": account["email"]},
        "reset_password": {"token": given["token"], "new_password": NEW_PASSWORD},
        "verify_email": {"token": given["token"]},
        "resend_verification": {"email": account["email"]},
        "change_email": {"password": PASSWORD, "new_email": account["email"]},
        "confirm_totp": {"code": given["code"]},
        "delete_totp": {"password": PASSWORD},
        "initialize_tenant": {"name": name, "admin": {**account, "password": PASSWORD}},
        "update_platform_tenant": {"name": name, "status": "active"},
        "clone_tenant": {"target": name},
        "create_platform_key": {"name": name},
        "create_user": account,
        "replace_user": account,
        "update_user": {"full_name": name},
        "create_role": {"name": name, "permissions": ["tasks:read"]},
        "replace_role": {"name": name, "permissions": ["tasks:read"]},
        "update_role": {"description": name, "permissions": ["tasks:read"]},
        "create_team": {"name": name},
        "replace_team": {"name": name},
        "update_team": {"description": name},
        "set_team_member": {"role": "lead"},
        "replace_user_roles": {"role_ids": [given["role_id"]] if "role_id" in given else []},
        "replace_user_permissions": {"permissions": [{"permission": "tasks:read", "effect": "allow"}]},
        "create_api_key": {"name": name, "permissions": ["api_keys:read"]},
        "update_api_key": {"name": name, "permissions": ["api_keys:read"]},
        "rotate_api_key": {"grace_seconds": 60},
        "create_invitation": {"email": account["email"]},
        "accept_invitation": {"token": given["token"], "username": name, "password": NEW_PASSWORD},
        "create_setting": {"key": name, "value": name, "value_type": "string"},
        "replace_setting": {"value": name},
        "update_setting": {"description": name},
        "create_feature_flag": {"key": name, "variants": {"on": True}},
        "replace_feature_flag": {"variants": {name: True}},
        "update_feature_flag": {"description": name},
        "replace_flag_definition": {"flags": {name: {"state": "ENABLED", "variants": {"on": True}}}},
        "explain_feature_flag": {"key": name},
        "put_system_setting": {"value": name, "value_type": "string"},
    }
    bodies |= {made: body(name) for tool in TOOLS for made, body in tool.bodies.items()}
    return bodies.get(operation)


@dataclass(slots=True)
class Prepared:
    """One request that will succeed if its caller may do it."""

    api: Api
    method: str
    path: str
    caller: Person | None = None
    actor: str | None = None  # the user name that the audit log must tell
    tenant: str | None = None  # the tenant it is about, where that is not the caller's
    options: dict[str, Any] = field(default_factory=dict)

    async def send(self, **headers: str) -> httpx.Response:
        """Do it."""
        return await self.api.request(
            self.method, self.path, headers=self.options.get("headers", {}) | headers, **self._content()
        )

    def _content(self) -> dict[str, Any]:
        return {name: value for name, value in self.options.items() if name != "headers"}


class Preparations:
    """What must be there before an operation can be done in a tenant."""

    def __init__(self, http: httpx.AsyncClient, tenant: TestTenant, owner: asyncpg.Connection) -> None:
        self.http = http
        self.tenant = tenant
        self.owner = owner

    async def prepare(self, operation: Operation, role: str) -> Prepared:
        """The operation, by a person of one of the tenant's roles, by ``anonymous`` or by ``platform``."""
        caller, api = await self._caller(operation.name, role)
        made = Prepared(api, operation.method, operation.path, caller, caller.username if caller else None)
        values = await self._values(operation, caller)
        known = await self._known(made, operation.name, values)
        if operation.path.startswith("/platform") and role == "platform":
            made.tenant = values["tenant_id"] = await self.new_tenant()
        made.path = operation.path.format_map(values)
        await self._fill(made, operation.name, known, values, role)
        for tool in TOOLS:
            made.options |= await tool.fill(self.owner, operation, values)
        return made

    async def _caller(self, operation: str, role: str) -> tuple[Person | None, Api]:
        if role in ROLES:
            spent = operation in SPENDING
            person = await things.insert_person(self.http, self.owner, self.tenant, role) if spent else None
            person = person or self.tenant.people[role]
            return person, person.api
        key = {"X-Platform-Key": PLATFORM_KEY} if role == "platform" else {}
        return None, Api(self.http, self.tenant.anonymous.headers | key)

    async def _values(self, operation: Operation, caller: Person | None) -> dict[str, str]:
        """Things for the path, which exist and which the caller may touch if he has the permission at all."""
        user_id = await things.insert_user(self.owner, deleted=operation.name == "restore_user")
        caller_id = caller.id if caller else user_id
        values = {"user_id": user_id, "tenant_id": "nobody"}
        if "{role_id}" in operation.path or operation.name == "replace_user_roles":
            values["role_id"] = await things.insert_role(self.owner, "users:read")
        if "{team_id}" in operation.path:
            values["team_id"] = await things.insert_team(self.owner, user_id)
        if operation.path.startswith("/platform/keys/"):
            values["key_id"] = await self.new_platform_key()
        elif "{key_id}" in operation.path:
            values["key_id"] = await things.insert_key(self.owner, caller_id)
        if "{session_id}" in operation.path:
            values["session_id"] = await things.insert_session(self.owner, caller_id)
        if "{invitation_id}" in operation.path:
            values["invitation_id"], _ = await things.insert_invitation(self.owner, self.tenant.people["owner"].id)
        if "{flag_key}" in operation.path:
            evaluates = operation.name == "evaluate_flag"
            values["flag_key"] = await (self.new_flag() if evaluates else things.insert_flag(self.owner))
        if operation.path.startswith("/settings/{key}"):
            values["key"] = await things.create_setting(self.tenant)
        elif operation.path.startswith("/platform/settings/{key}"):
            values["key"] = await self.new_system_setting()
        return values | await self._rest(operation, UUID(caller_id))

    async def _rest(self, operation: Operation, caller_id: UUID) -> dict[str, str]:
        """Records of the tools, and an entry of the audit log, which nobody has to make."""
        values = dict[str, str]()
        for tool in TOOLS:
            values |= await tool.values(self.owner, operation, caller_id)
        if "{entry_id}" in operation.path:
            values["entry_id"] = str(await self.owner.fetchval("SELECT id FROM audit_logs ORDER BY seq LIMIT 1"))
        return values

    async def _known(self, made: Prepared, operation: str, values: Mapping[str, str]) -> dict[str, Any]:
        """The secrets that the body must name, or the state that the operation needs."""
        if operation in {"login", "refresh"}:
            name = made.actor = await things.insert_login(self.owner, "viewer")
            if operation == "login":
                return {"username": name}
            login = await self.tenant.anonymous.post("/auth/login", json={"username": name, "password": PASSWORD})
            return {"refresh_token": login.json()["refresh_token"]}
        if operation in {"reset_password", "verify_email"}:
            insert = things.insert_reset_token if operation == "reset_password" else things.insert_verification_token
            made.actor = await self.owner.fetchval("SELECT username FROM users WHERE id = $1", values["user_id"])
            return {"token": await insert(self.owner, values["user_id"])}
        if operation == "accept_invitation":
            _, token = await things.insert_invitation(self.owner, self.tenant.people["owner"].id)
            return {"token": token}
        if operation in {"confirm_totp", "delete_totp"} and made.caller is not None:
            return {"code": await _begin_totp(made.caller.api, confirm=operation == "delete_totp")}
        return {"role_id": values["role_id"]} if operation == "replace_user_roles" else {}

    async def _fill(
        self, made: Prepared, operation: str, known: Mapping[str, Any], values: Mapping[str, str], role: str
    ) -> None:
        """The request's query, headers and body."""
        body = body_of(operation, **known)
        if body is not None:
            made.options["json"] = body
        if operation == "accept_invitation":
            made.actor = made.options["json"]["username"]
        if operation == "explain_permission":
            made.path += f"?user_id={values['user_id']}&permission=tasks:read"
        elif operation == "initialize_tenant":
            made.tenant = f"tenant_{word()}"
            made.options["headers"] = {"X-Tenant-ID": made.tenant}
        elif operation == "introspect_token":
            made.options["data"] = {"token": "unknown"}
        elif operation == "import_users":
            name = word()
            made.options |= {
                "content": f"email,username\n{name}@twin.example,{name}\n",
                "headers": {"Content-Type": "text/csv"},
            }
        elif operation == "explain_feature_flag":
            made.options["json"] = {"key": await self.new_flag()}
        elif operation == "import_settings":
            name = word()
            made.options["content"] = json.dumps({"settings": {name: {"value": name, "value_type": "string"}}})
        elif operation == "import_tenant":
            made.options |= {
                "content": await self._archive(made) if role == "platform" else b"",
                "headers": {"Content-Type": "application/gzip"},
            }
            made.tenant = word()
            made.path += f"?tenant={made.tenant}"

    async def _archive(self, made: Prepared) -> bytes:
        exported = await made.api.post(f"/platform/tenants/{made.tenant}/export")
        assert exported.status_code == 200, exported.text
        return exported.content

    async def new_tenant(self) -> str:
        """Another tenant: its id."""
        name = word()
        answer = await self.tenant.anonymous.post(
            "/auth/initialize-tenant",
            headers={"X-Tenant-ID": name, "X-Platform-Key": PLATFORM_KEY},
            json=body_of("initialize_tenant"),
        )
        assert answer.status_code == 201, answer.text
        return name

    async def new_system_setting(self) -> str:
        """A key that the system has a value for."""
        api, key = Api(self.http, {"X-Platform-Key": PLATFORM_KEY}), word()
        answer = await api.put(f"/platform/settings/{key}", json=body_of("put_system_setting"))
        assert answer.status_code == 200, answer.text
        return key

    async def new_flag(self) -> str:
        """A flag's key, for who asks the copy that only a change through the API renews."""
        created = await self.tenant.owner.post("/settings/feature-flags", json=body_of("create_feature_flag"))
        return str(created.json()["key"])

    async def new_platform_key(self) -> str:
        """A platform key's id."""
        api = Api(self.http, {"X-Platform-Key": PLATFORM_KEY})
        answer = await api.post("/platform/keys", json=body_of("create_platform_key"))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


async def _begin_totp(api: Api, *, confirm: bool) -> str:
    """Ask for a secret, and turn it on if told so; a code of it."""
    secret = (await api.post("/auth/mfa/totp")).json()["secret"]
    code = pyotp.TOTP(secret).now()
    if confirm:
        assert (await api.post("/auth/mfa/totp/confirm", json={"code": code})).status_code == 200
    return code
