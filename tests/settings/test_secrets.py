"""Secret settings: written, kept, never shown."""

from __future__ import annotations

import asyncpg
import pytest
from fastapi import FastAPI
from redis.asyncio import Redis

from common.config import Config
from common.encryption import Vault
from settings.values.secrets import seal, settings_vault, unseal
from tests.support.apps import services_of
from tests.support.probes import owner_connection
from tests.support.servers import SECRET, Servers
from tests.support.world import Api, TestTenant
from tests.tenants.foreign import tables_mentioning

pytestmark = pytest.mark.promise("I8")

HUSH = "canary-hush"
MASK = "********"


async def sealed(owner: asyncpg.Connection, key: str) -> bytes:
    """What the table has."""
    found: bytes = await owner.fetchval("SELECT secret_value FROM settings WHERE key = $1", key)
    return found


async def test_a_secret_is_nowhere_in_clear(
    config: Config, servers: Servers, tenant: TestTenant, operator: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not in an answer, a table (history, audit log and stored answers among them), a log, nor in Redis."""
    body = {"key": "mail.key", "value": f"{HUSH}-1", "value_type": "secret"}
    answers = [await tenant.owner.post("/settings", json=body, headers={"Idempotency-Key": "hush"})]
    body = {"value": f"{HUSH}-2", "value_type": "secret"}
    answers.append(await operator.put("/platform/settings/mail.above", json=body))
    answers.append(await tenant.owner.put("/settings/mail.key", json={"value": f"{HUSH}-3"}))
    answers.append(await tenant.owner.patch("/settings/mail.key", json={"value": 1}))
    answers.append(await tenant.owner.put("/settings/mail.key", json={"value": f"{HUSH}-4", "is_public": True}))
    paths = ("", "/mail.key", "/mail.above", "/mail.key/history", "/public", "/export", "/export?format=yaml")
    answers += [await tenant.owner.get(f"/settings{path}") for path in paths]
    answers.append(await operator.get("/platform/settings"))

    assert [answer.status_code for answer in answers[:5]] == [201, 200, 200, 422, 422]
    assert all(HUSH not in answer.text for answer in answers)
    assert answers[6].json()["value"] == answers[7].json()["value"] == MASK
    assert {item["value"] for item in answers[8].json()["items"]} == {MASK}
    assert await tables_mentioning(config, tenant.name, HUSH) == []
    async with owner_connection(config, "system") as owner:
        above = await owner.fetchrow("SELECT value, secret_value FROM settings WHERE key = 'mail.above'")
        assert (above["value"], HUSH.encode() in above["secret_value"]) == (None, False)
        log = await owner.fetch("SELECT t::text FROM audit_logs t")
        assert "mail.above" in str(log)
        assert HUSH not in str(log)
    assert HUSH not in capsys.readouterr().out
    async with Redis.from_url(servers.valkey.url) as redis:
        copies = [await redis.hgetall(key) async for key in redis.scan_iter("*/settings/*")]
        assert any(b"mail.key" in value for copy in copies for value in copy.values())
        assert HUSH.encode() not in repr(copies).encode()
    async with owner_connection(config, tenant.name) as owner:
        entries = await owner.fetch("SELECT changes FROM audit_logs WHERE target_id = 'mail.key' ORDER BY seq")
        assert all(f'"old": {old}' in row["changes"] for row, old in zip(entries, ("null", f'"{MASK}"'), strict=True))


async def test_a_mask_that_is_sent_back_leaves_the_secret_as_it_is(tenant: TestTenant, config: Config) -> None:
    body = {"key": "mail.key", "value": HUSH, "value_type": "secret"}
    assert (await tenant.owner.post("/settings", json={**body, "value": MASK})).status_code == 422
    await tenant.owner.post("/settings", json=body)
    async with owner_connection(config, tenant.name) as owner:
        before = await sealed(owner, "mail.key")
        same = await tenant.owner.put("/settings/mail.key", json={"value": HUSH})
        kept = await tenant.owner.put("/settings/mail.key", json={"value": MASK, "description": "Kept"})
        patched = await tenant.owner.patch("/settings/mail.key", json={"description": "Patched"})
        assert (same.json()["version"], kept.json()["version"], patched.json()["version"]) == (1, 2, 3)
        assert await sealed(owner, "mail.key") == before
        history = await owner.fetch("SELECT secret_value FROM setting_changes WHERE key = 'mail.key'")
        assert [row["secret_value"] for row in history] == [before] * 3
        new = await tenant.owner.put("/settings/mail.key", json={"value": f"{HUSH} renewed"})
        assert new.json()["version"] == 4
        assert await sealed(owner, "mail.key") != before

    for body in ({"value_type": "string"}, {"value_type": "string", "value": MASK}):
        turned = await tenant.owner.patch("/settings/mail.key", json=body)
        assert (turned.status_code, turned.json()["errors"][0]["code"]) == (422, "missing")
    opened = await tenant.owner.patch("/settings/mail.key", json={"value_type": "string", "value": "open"})
    assert (opened.json()["value"], opened.json()["value_type"]) == ("open", "string")
    hidden = await tenant.owner.patch("/settings/mail.key", json={"value_type": "secret"})
    assert (hidden.json()["value"], hidden.json()["version"]) == (MASK, 6)


@pytest.mark.promise("T1")
async def test_a_secret_opens_in_its_own_place_only(app: FastAPI, config: Config, alpha: TestTenant) -> None:
    """A row that was copied to another key or tenant, or a changed bit, is worth nothing; nor is it an error."""
    vault = services_of(app).settings_vault
    await alpha.owner.post("/settings", json={"key": "own.place", "value": HUSH, "value_type": "secret"})
    async with owner_connection(config, alpha.name) as owner:
        data = await sealed(owner, "own.place")
    assert unseal(vault, alpha.name, "own.place", data) == HUSH
    assert unseal(vault, alpha.name, "other.place", data) is None
    assert unseal(vault, "tenant_beta", "own.place", data) is None
    assert unseal(vault, "system", "own.place", data) is None
    assert unseal(vault, alpha.name, "own.place", data[:-1] + bytes([data[-1] ^ 1])) is None
    assert unseal(vault, alpha.name, "own.place", b"") is None
    assert (await alpha.owner.delete("/settings/own.place")).status_code == 204


def test_what_an_earlier_key_sealed_can_be_opened(servers: Servers) -> None:
    """After a rotation of either key, and after SETTINGS_KEY was set for the first time."""
    new, old = "a new key that is long enough to be one", "an old key that is long enough to be one"
    url = "postgresql://u:p@h:5432/d"
    for changes, earlier in (
        ({"settings_key": new}, SECRET),
        ({"settings_key": new, "settings_key_previous": old}, old),
        ({"secret_key": new, "secret_key_previous": old}, old),
        ({"settings_key": new, "secret_key_previous": old}, old),
    ):
        vault = settings_vault(servers.config(url, **changes))
        data = seal(Vault("settings", earlier), "tenant_x", "a.key", HUSH)
        assert unseal(vault, "tenant_x", "a.key", data) == HUSH
        assert unseal(Vault("settings", new), "tenant_x", "a.key", data) is None
        assert unseal(Vault("settings", new), "tenant_x", "a.key", seal(vault, "tenant_x", "a.key", HUSH)) == HUSH
