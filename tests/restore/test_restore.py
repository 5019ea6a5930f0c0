"""What docs/backup.md saves comes back whole on empty servers, by its own commands."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

import asyncpg
import pytest

from settings.values.secrets import settings_vault, unseal
from tests.restore.conftest import Restored
from tests.restore.installation import run
from tests.restore.lived import FLAG, KEY, Life
from tests.support.apps import connect
from tests.support.audit_chain import assert_chain_whole
from tests.support.probes import owner_connection
from tests.support.servers import PLATFORM_KEY
from tests.support.world import PASSWORD, Api, create_tenant, sign_in


async def listed(api: Api, path: str, **filters: str) -> list[dict[str, Any]]:
    """Every item of a list."""
    items: list[dict[str, Any]] = []
    params: dict[str, Any] = {"limit": 200, **filters}
    while True:
        page = (await api.get(path, params=params)).json()
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        params["cursor"] = page["next_cursor"]


@pytest.mark.promise("T2")
async def test_the_doctor_finds_nothing(restored: Restored) -> None:
    found = json.loads(run("python -m manage doctor --deep --json 2>/dev/null", restored.installation.environment))

    assert "0 errors, 0 warnings." in restored.restoring
    assert [item for item in found if item["severity"] != "ok"] == []
    assert any("2 tenants have the rights they should" in item["what"] for item in found)
    assert any(item["what"].startswith("3 logs are whole") for item in found)


async def test_everybody_can_log_in_and_finds_what_was_there(restored: Restored) -> None:
    for life in restored.lives:
        anonymous = life.tenant.anonymous
        for name, person in life.tenant.people.items():
            body = {"username": person.username, "password": PASSWORD}
            if name == "admin":
                assert life.totp is not None
                assert (await anonymous.post("/auth/login", json=body)).status_code == 401
                body["otp"] = life.totp.at(int(time.time()) + 30)
            answer = await anonymous.post("/auth/login", json=body)
            assert answer.status_code == 200, answer.text
        owner = (await sign_in(restored.http, life.tenant, "owner")).api
        assert {user["full_name"] for user in await listed(owner, "/users")} == {
            f"{person.username} {life.tenant.canary}".replace("owner", "Owner")
            for person in life.tenant.people.values()
        }
        assert [task["title"] for task in await listed(owner, "/tools/tasks")] == [life.tenant.canary]
        assert (await owner.get(f"/settings/feature-flags/{FLAG}")).status_code == 200
        by_key = {"X-API-Key": life.key, "Authorization": None}
        assert (await owner.get("/tools/notes", headers=by_key)).status_code == 200


@pytest.mark.promise("I8")
async def test_a_secret_setting_can_be_read_with_the_old_key(restored: Restored) -> None:
    config = restored.installation.config
    for life in restored.lives:
        async with owner_connection(config, life.tenant.name) as owner:
            sealed = await owner.fetchval("SELECT secret_value FROM settings WHERE key = $1", KEY)
        assert unseal(settings_vault(config), life.tenant.name, KEY, sealed) == life.secret


@pytest.mark.promise("D2")
async def test_it_is_one_moment_of_a_busy_installation(restored: Restored) -> None:
    """Everything acknowledged before the backup is there, and of what was written meanwhile, no half and no gap."""
    for life, before, during in zip(restored.lives, restored.before, restored.during, strict=True):
        owner = (await sign_in(restored.http, life.tenant, "owner")).api
        titles = {note["title"] for note in await listed(owner, "/tools/notes")} - {life.tenant.canary, "afterwards"}
        assert titles == {f"write {number}" for number in range(len(titles))}
        # The one that was not acknowledged yet may be there, too.
        assert before <= len(titles) <= during + 1 < life.number + 1
        attachments = await listed(owner, "/tools/attachments")
        assert len(attachments) - 3 in {len(titles), len(titles) - 1}
        for item in attachments:
            content = (await owner.get(f"/tools/attachments/{item['id']}/content")).content
            assert hashlib.sha256(content).hexdigest() == item["sha256"] == life.files.get(item["id"], item["sha256"])
        entries = await listed(owner, "/settings/audit-logs", action="tools.*")
        noted = {entry["target"]["id"] for entry in entries if entry["action"] == "tools.attachment.created"}
        assert noted == {item["id"] for item in attachments}


@pytest.mark.promise("D3")
async def test_the_audit_chain_is_whole_and_goes_on(restored: Restored) -> None:
    for life in restored.lives:
        owner = (await sign_in(restored.http, life.tenant, "owner")).api
        async with owner_connection(restored.installation.config, life.tenant.name) as connection:
            before = await assert_chain_whole(connection)
            kept = before[life.checkpoint["size"] - 1]
            assert kept["hash"].hex() == life.checkpoint["head_hash"]
            written = await owner.post("/tools/notes", json={"title": "afterwards"})
            after = await assert_chain_whole(connection)
        assert written.status_code == 201
        assert (after[len(before)]["prev_hash"], len(after)) == (before[-1]["hash"], len(before) + 1)
        verified = (await owner.post("/settings/audit-logs/verify")).json()
        assert (verified["ok"], verified["checked"]) == (True, len(after))
        again = (await owner.get("/settings/audit-logs/checkpoint")).json()
        assert again["public_key"] == life.checkpoint["public_key"]


@pytest.mark.promise("T2")
async def test_tenants_are_kept_apart_as_before(restored: Restored) -> None:
    names = [life.tenant.name for life in restored.lives]
    url = restored.installation.environment["DATABASE_URL"]
    for own, other in (names, reversed(names)):
        async with connect(url) as login:
            for refused in (own, other):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await login.fetchval(f"SELECT count(*) FROM {refused}.users")
            await login.execute(f"SET ROLE {own}")
            assert await login.fetchval(f"SELECT count(*) FROM {own}.users") == 5
            for statement in (
                f"SELECT count(*) FROM {other}.users",
                f"DELETE FROM {own}.audit_logs",
                "SELECT * FROM system.tenants",
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await login.execute(statement)


async def test_tenants_are_created_and_dropped_as_before(restored: Restored) -> None:
    tenant = await create_tenant(restored.http, "tenant_gamma")
    found = await tenant.owner.get("/auth/me")
    dropped = await tenant.anonymous.delete(
        "/platform/tenants/gamma?confirm=gamma", headers={"X-Platform-Key": PLATFORM_KEY}
    )

    assert (found.status_code, dropped.status_code) == (200, 204)


@pytest.mark.promise("I3")
async def test_what_an_older_state_brings_back(restored: Restored) -> None:
    """As the document's table has it: who ends every session ends what has come back, too."""
    for life, newcomer in zip(restored.lives, restored.newcomers, strict=True):
        people = {name: person.api for name, person in life.tenant.people.items()}
        anonymous = life.tenant.anonymous
        assert (await people["manager"].get("/auth/me")).status_code == 200  # who had logged out
        assert (await people["viewer"].get("/auth/me")).status_code == 200
        assert (await newcomer.api.get("/auth/me")).status_code == 401
        later = {"refresh_token": life.tenant.people["member"].tokens["later"]}
        refused = await anonymous.post("/auth/refresh", json=later)
        assert (refused.status_code, refused.json()["code"]) == (401, "refresh_token_reused")
        assert (await people["member"].get("/auth/me")).status_code == 401

    told = await restored.installation.follow("afterwards")

    assert told.count("mail.password_reset") == len(restored.lives)
    for life in restored.lives:
        anonymous = life.tenant.anonymous
        for person in life.tenant.people.values():
            assert (await person.api.get("/auth/me")).status_code == 401
            body = {"refresh_token": person.tokens["refresh_token"]}
            assert (await anonymous.post("/auth/refresh", json=body)).status_code == 401
        by_key = {"X-API-Key": life.key, "X-Tenant-ID": life.tenant.name}
        assert (await anonymous.get("/tools/notes", headers=by_key)).status_code == 200
        await assert_told(restored, life)


async def assert_told(restored: Restored, life: Life) -> None:
    """The audit log says that the operator ended them."""
    owner = (await sign_in(restored.http, life.tenant, "owner")).api
    (entry,) = await listed(owner, "/settings/audit-logs", action="users.sessions.ended")
    assert (entry["actor"]["type"], entry["target"]["type"]) == ("platform", "tenant")
    assert entry["changes"][0]["old"] >= 4
