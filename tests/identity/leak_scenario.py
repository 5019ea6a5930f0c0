"""A walk through every operation, with canaries in all the places that take a secret."""

from __future__ import annotations

import asyncio
import re
import time
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import httpx
import pyotp

from tests.identity.leak_tools import use_tools
from tests.support.world import Api

TENANT: Final = "tenant_leaks"
PLATFORM_CANARY: Final = "canary-platform-key-of-the-leak-test-0001"
TYPED: Final = {
    "owner_password": "canary-owner-password-0002",
    "user_password": "canary-user-password-0003",
    "wrong_password": "canary-wrong-password-0004",
    "wrong_platform_key": "canary-wrong-platform-key-0005",
    "api_key": "canary-api-key-0006",
    "bad_token": "canary-bad-token-0007",
    "bad_refresh_token": "ssr_canary-bad-refresh-token-0008",
    "password_as_name": "canary-password-typed-as-name-0009",
    "short_password": "canary10",
    "changed_password": "canary-changed-password-0011",
    "reset_password": "canary-reset-password-0012",
    "invited_password": "canary-invited-password-0013",
    "bad_mailed_token": "canary-bad-mailed-token-0014",
    "bad_code": "canary-bad-code-0015",
    "bad_introspected": "canary-bad-introspected-0016",
    "setting": "canary-setting-0017",
    "imported_setting": "canary-imported-setting-0018",
    "system_setting": "canary-system-setting-0019",
    "public_setting": "canary-public-setting-0020",
}
SHOWN_ONCE: Final = ("access_token", "refresh_token", "key", "secret", "otpauth_uri", "qr_svg", "recovery_codes")
PATIENCE: Final = 20.0  # seconds until a mail must have been written


def body_of(answer: httpx.Response) -> dict[str, Any]:
    """An answer's object; empty for files, and for answers without a body."""
    found = answer.json() if answer.content and "json" in answer.headers.get("content-type", "") else {}
    return found if isinstance(found, dict) else {}


class Scenario:
    """Calls every operation with secrets in all the places that take one, rightly and wrongly."""

    def __init__(self, http: httpx.AsyncClient, mails: Path) -> None:
        self.answers: list[httpx.Response] = []
        self.issued: dict[str, set[str]] = {}
        self.api = Api(http, {"X-Tenant-ID": TENANT})
        self._mails = mails
        self._password = TYPED["owner_password"]

    async def call(self, method: str, path: str, status: int, **options: Any) -> Any:
        """One request; secrets in its answer become canaries, too."""
        answer = await self.api.request(method, path, **options)
        assert answer.status_code == status, (method, path, answer.text)
        self.answers.append(answer)
        body = body_of(answer)
        for name in set(SHOWN_ONCE) & body.keys() - {"otpauth_uri", "qr_svg"}:
            value = body[name]
            if name == "key" and not value.startswith(("ssk_", "spk_")):
                continue  # a setting's or a flag's key, which is a name
            self.issued.setdefault(name, set()).update(value if isinstance(value, list) else [value])
        return body

    async def log_in(self, **more: str) -> Any:
        """Log the owner in and go on as him."""
        credentials = {"username": "owner", "password": self._password, **more}
        body = await self.call("POST", "/auth/login", 200, json=credentials)
        self.api.headers["Authorization"] = f"Bearer {body['access_token']}"
        return body

    async def mailed_token(self, address: str) -> str:
        """The secret in the newest mail to an address, which goes no further than the mail."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for path in sorted(self._mails.glob("*.eml")):
                message = message_from_bytes(path.read_bytes(), policy=policy.default)
                assert isinstance(message, EmailMessage)
                part = message.get_body(("plain",))
                found = re.search(r"token=([\w.-]+)", part.get_content() if part else "")
                if address in str(message["To"]) and found:
                    path.unlink()
                    self.issued.setdefault("mailed", set()).add(found[1])
                    return found[1]
            await asyncio.sleep(0.05)
        raise AssertionError(f"no mail to {address}")

    async def fail(self) -> None:
        """Every way to be refused that involves a secret."""
        login, other = "/auth/login", {"Authorization": None}
        wrong = {"username": "owner", "password": TYPED["wrong_password"]}
        await self.call("POST", login, 401, json=wrong)
        await self.call("POST", login, 401, json={**wrong, "username": TYPED["password_as_name"]})
        await self.call("POST", login, 422, json={**wrong, "otp_secret": TYPED["user_password"]})
        await self.call("POST", login, 422, content=b'{"password": "' + TYPED["user_password"].encode())
        await self.call("POST", "/auth/refresh", 401, json={"refresh_token": TYPED["bad_refresh_token"]})
        await self.call("GET", "/auth/test", 401, headers={"Authorization": f"Bearer {TYPED['bad_token']}"})
        await self.call("GET", "/auth/test", 401, headers={**other, "X-API-Key": TYPED["api_key"]})
        wrong_key = {"X-Platform-Key": TYPED["wrong_platform_key"]}
        await self.call("POST", "/auth/verify-tenant", 401, headers=wrong_key)
        await self.call("POST", "/auth/initialize-tenant", 401, headers=wrong_key, json={})
        await self.call("GET", "/platform/tenants", 401, headers=wrong_key)
        token = {"token": TYPED["bad_mailed_token"]}
        renewed = {**token, "new_password": TYPED["reset_password"]}
        joining = {**token, "username": "nobody", "password": TYPED["invited_password"]}
        await self.call("POST", "/auth/password/reset", 400, json=renewed)
        await self.call("POST", "/auth/email/verify", 400, json=token)
        await self.call("POST", "/auth/invitations/accept", 400, json=joining)
        change = {"current_password": TYPED["wrong_password"], "new_password": TYPED["changed_password"]}
        await self.call("POST", "/auth/password/change", 422, json=change)
        change = {"current_password": self._password, "new_password": TYPED["short_password"]}
        await self.call("POST", "/auth/password/change", 422, json=change)
        await self.call("DELETE", "/auth/mfa/totp", 422, json={"password": TYPED["wrong_password"]})
        await self.call("POST", "/auth/mfa/totp/confirm", 404, json={"code": TYPED["bad_code"]})
        await self.call("POST", "/auth/introspect", 200, data={"token": TYPED["bad_introspected"]})

    async def succeed(self) -> None:
        """Every operation, done right."""
        await self._begin()
        user = await self._manage_users()
        await self._manage_rights(user)
        await self._use_keys()
        await self._use_mails()
        await self._use_second_factor()
        await self._end_sessions(user)
        await self._configure()
        await self._flag()
        await use_tools(self)
        await self._change_password()
        await self._operate_platform()
        await self._read_the_log()

    async def _begin(self) -> None:
        admin = {"email": "owner@x.example", "username": "owner", "password": self._password}
        key = {"X-Platform-Key": PLATFORM_CANARY}
        await self.call("POST", "/auth/initialize-tenant", 201, headers=key, json={"name": "x", "admin": admin})
        await self.call("POST", "/auth/verify-tenant", 200, headers=key)
        session = await self.log_in()
        await self.call("POST", "/auth/refresh", 200, json={"refresh_token": session["refresh_token"]})

    async def _manage_users(self) -> str:
        body = {"email": "u@x.example", "username": "user", "password": TYPED["user_password"]}
        user = (await self.call("POST", "/users", 201, json=body, headers={"Idempotency-Key": "once"}))["id"]
        await self.call("POST", "/users", 409, json=body)
        await self.call("POST", "/users", 422, json={**body, "password": TYPED["short_password"]})
        await self.call("POST", "/auth/email/verify", 204, json={"token": await self.mailed_token("u@x.example")})
        path = f"/users/{user}"
        for reading in ("/auth/me", "/auth/test", "/users", "/users/roles", "/users/permissions", path):
            await self.call("GET", reading, 200)
        await self.call("PUT", path, 200, json={"email": "u@x.example", "username": "other"})
        await self.call("PATCH", path, 200, json={"full_name": "x"})
        await self.call("DELETE", path, 204)
        await self.call("POST", f"{path}/restore", 200)
        await self.call("POST", f"{path}/unlock", 204)
        csv = {"content": "email,username\ni@x.example,imported\n", "headers": {"Content-Type": "text/csv"}}
        await self.call("POST", "/users/import", 200, **csv)
        await self.call("GET", "/users/export", 200)
        return str(user)

    async def _manage_rights(self, user: str) -> None:
        role = await self._exercise("/users/roles", {"name": "r", "permissions": ["tasks:read"]})
        team = await self._exercise("/users/teams", {"name": "t"})
        await self.call("PUT", f"{team}/members/{user}", 200, json={"role": "lead"})
        await self.call("GET", f"{team}/members", 200)
        await self.call("DELETE", f"{team}/members/{user}", 204)
        path = f"/users/{user}"
        await self.call("PUT", f"{path}/roles", 200, json={"role_ids": [role.rpartition("/")[2]]})
        denied = {"permissions": [{"permission": "tasks:read", "effect": "deny"}]}
        await self.call("PUT", f"{path}/permissions", 200, json=denied)
        for reading in ("roles", "permissions", "effective-permissions"):
            await self.call("GET", f"{path}/{reading}", 200)
        await self.call("GET", f"/users/permissions/explain?user_id={user}&permission=tasks:read", 200)
        await self.call("DELETE", role, 204)
        await self.call("DELETE", team, 204)

    async def _exercise(self, path: str, body: dict[str, Any]) -> str:
        """Make, read, replace and change one of a collection; its path."""
        item = f"{path}/{(await self.call('POST', path, 201, json=body))['id']}"
        await self.call("GET", path, 200)
        await self.call("GET", item, 200)
        await self.call("PUT", item, 200, json=body)
        await self.call("PATCH", item, 200, json={"description": "x"})
        return item

    async def _use_keys(self) -> None:
        body = {"name": "k", "permissions": ["users:read", "tokens:introspect"]}
        for _ in range(2):  # the second answer comes from storage
            made = await self.call("POST", "/users/api-keys", 201, json=body, headers={"Idempotency-Key": "key"})
        path = f"/users/api-keys/{made['id']}"
        rotated = await self.call("POST", f"{path}/rotate", 200, json={"grace_seconds": 60})
        for key in (made["key"], rotated["key"]):
            await self.call("GET", "/auth/test", 200, headers={"Authorization": None, "X-API-Key": key})
            await self.call("POST", "/auth/introspect", 200, data={"token": key})
        token = self.api.headers["Authorization"].removeprefix("Bearer ")
        await self.call("POST", "/auth/introspect", 200, data={"token": token})
        await self.call("PATCH", path, 200, json={"name": "other"})
        for reading in ("/users/api-keys", path):
            await self.call("GET", reading, 200)
        await self.call("DELETE", path, 204)

    async def _use_mails(self) -> None:
        await self.call("POST", "/auth/password/forgot", 202, json={"email": "u@x.example"})
        reset = {"token": await self.mailed_token("u@x.example"), "new_password": TYPED["reset_password"]}
        await self.call("POST", "/auth/password/reset", 204, json=reset)
        await self.call("POST", "/auth/email/resend", 202, json={"email": "i@x.example"})
        await self.mailed_token("i@x.example")
        moving = {"password": self._password, "new_email": "moved@x.example"}
        await self.call("POST", "/auth/email/change", 202, json=moving)
        await self.call("POST", "/auth/email/verify", 204, json={"token": await self.mailed_token("moved@x.example")})
        invited = await self.call("POST", "/users/invitations", 201, json={"email": "n@x.example"})
        path = f"/users/invitations/{invited['id']}"
        await self.mailed_token("n@x.example")
        await self.call("POST", f"{path}/resend", 202)
        for reading in ("/users/invitations", path):
            await self.call("GET", reading, 200)
        joining = {"token": await self.mailed_token("n@x.example"), "username": "new"}
        joining["password"] = TYPED["invited_password"]
        joined = await self.call("POST", "/auth/invitations/accept", 201, json=joining)
        await self.call("POST", f"/users/{joined['id']}/password-reset", 202)
        await self.mailed_token("n@x.example")
        revoked = await self.call("POST", "/users/invitations", 201, json={"email": "v@x.example"})
        await self.call("DELETE", f"/users/invitations/{revoked['id']}", 204)

    async def _use_second_factor(self) -> None:
        secret = (await self.call("POST", "/auth/mfa/totp", 200))["secret"]
        code = {"code": pyotp.TOTP(secret).now()}
        codes = (await self.call("POST", "/auth/mfa/totp/confirm", 200, json=code))["recovery_codes"]
        await self.log_in(otp=codes[0])
        await self.call("DELETE", "/auth/mfa/totp", 204, json={"password": self._password})

    async def _end_sessions(self, user: str) -> None:
        earlier = await self.call("GET", "/auth/sessions", 200)
        ended = next(item["id"] for item in earlier["items"] if not item["current"])
        await self.call("DELETE", f"/auth/sessions/{ended}", 204)
        await self.call("GET", f"/users/{user}/sessions", 200)
        await self.call("DELETE", f"/users/{user}/sessions", 204)

    async def _change_password(self) -> None:
        change = {"current_password": self._password, "new_password": TYPED["changed_password"]}
        await self.call("POST", "/auth/password/change", 204, json=change)
        self._password = TYPED["changed_password"]

    async def _configure(self) -> None:
        body = {"key": "mail.key", "value_type": "secret", "value": TYPED["setting"]}
        await self.call("POST", "/settings", 201, json=body, headers={"Idempotency-Key": "setting"})
        await self.call("POST", "/settings", 409, json=body)
        shown = {**body, "key": "mail.shown", "value": TYPED["public_setting"], "is_public": True}
        await self.call("POST", "/settings", 422, json=shown)
        path = "/settings/mail.key"
        for reading in ("/settings", "/settings/public", "/settings/registry", path, f"{path}/history"):
            await self.call("GET", reading, 200)
        await self.call("PUT", path, 200, json={"value": "********"})
        await self.call("PATCH", path, 200, json={"description": "x"})
        file = {"settings": {"mail.other": {"value_type": "secret", "value": TYPED["imported_setting"]}}}
        await self.call("POST", "/settings/import", 200, json=file)
        await self.call("GET", "/settings/export", 200)
        await self.call("DELETE", path, 204)

    async def _flag(self) -> None:
        path, flag = "/settings/feature-flags", {"variants": {"on": True, "off": False}}
        await self.call("POST", path, 201, json={**flag, "key": "leaks"})
        for reading in (path, f"{path}/leaks", f"{path}/definition"):
            await self.call("GET", reading, 200)
        await self.call("PUT", f"{path}/leaks", 200, json={**flag, "default_variant": "on"})
        await self.call("PATCH", f"{path}/leaks", 200, json={"description": "x"})
        await self.call("POST", f"{path}/leaks/toggle", 200)
        await self.call("POST", f"{path}/explain", 200, json={"key": "leaks"})
        await self.call("POST", "//ofrep/v1/evaluate/flags/leaks", 200, json={})
        found = await self.call("POST", "//ofrep/v1/evaluate/flags", 200, json={})
        await self._listen(found["eventStreams"][0]["endpoint"]["requestUri"])
        await self.call("DELETE", f"{path}/leaks", 204)
        await self.call("PUT", f"{path}/definition", 200, json={"flags": {}})

    async def _listen(self, address: str) -> None:
        """Open a stream, which has no end, and keep its beginning."""
        self.issued.setdefault("stream", set()).add(parse_qs(urlsplit(address).query)["token"][0])
        async with self.api.stream("GET", f"/{address}") as answer:
            text = await anext(answer.aiter_raw())
        headers = {"X-Request-ID": answer.headers["x-request-id"]}
        self.answers.append(httpx.Response(answer.status_code, headers=headers, content=text, request=answer.request))

    async def _operate_platform(self) -> None:
        key = {"X-Platform-Key": PLATFORM_CANARY}
        above = {"value_type": "secret", "value": TYPED["system_setting"]}
        await self.call("PUT", "/platform/settings/mail.above", 200, headers=key, json=above)
        for reading in ("/platform/settings", "/platform/settings/mail.above"):
            await self.call("GET", reading, 200, headers=key)
        await self.call("GET", "/settings/mail.above", 200)
        await self.call("DELETE", "/platform/settings/mail.above", 204, headers=key)
        path = f"/platform/tenants/{TENANT}"
        log = "/platform/audit-logs"
        await self.call("POST", f"{log}/verify", 200, headers=key)
        for reading in ("/platform/tenants", "/platform/migrations", log, f"{log}/checkpoint", path):
            await self.call("GET", reading, 200, headers=key)
        made = await self.call("POST", "/platform/keys", 201, headers=key, json={"name": "k"})
        await self.call("GET", "/platform/keys", 200, headers={"X-Platform-Key": made["key"]})
        await self.call("GET", f"/platform/keys/{made['id']}", 200, headers=key)
        await self.call("DELETE", f"/platform/keys/{made['id']}", 204, headers=key)
        await self.call("PATCH", path, 200, headers=key, json={"name": "y"})
        await self.call("POST", f"{path}/clone", 201, headers=key, json={"target": "leaks_clone"})
        await self.call("POST", f"{path}/export", 200, headers=key)
        archive = {"content": self.answers[-1].content, "headers": key | {"Content-Type": "application/gzip"}}
        await self.call("POST", "/platform/tenants/import?tenant=leaks_import", 201, **archive)
        await self.call("DELETE", "/platform/tenants/leaks_import", 202, headers=key)

    async def _read_the_log(self) -> None:
        """Last, so that it tells of all the others."""
        path = "/settings/audit-logs"
        entries = (await self.call("GET", path, 200))["items"]
        for reading in (f"{path}/{entries[0]['id']}", f"{path}/checkpoint", f"{path}/export?format=json"):
            await self.call("GET", reading, 200)
        await self.call("POST", f"{path}/verify", 200)
