"""``manage settings``: what an operator sets, for one tenant and for all, and the rotation of the key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pyotp
import pytest

import users
from common.audit import Origin
from common.encryption import Vault
from settings.values.secrets import unseal
from tests.manage.commands import CommandLine
from tests.support.apps import registered, services_of
from tests.support.post import PostOffice, entries
from tests.support.probes import owner_connection
from tests.support.servers import SECRET
from tests.support.world import TestTenant

NEW_KEY = "another key, and long enough to be one"
KEY = "passwords.min_length"


@pytest.fixture
async def line(line: CommandLine) -> AsyncIterator[CommandLine]:
    """Nothing stays set for all tenants."""
    yield line
    for item in (await line.run("settings", "list", "--system", "--json")).json:
        await line.run("settings", "unset", item["key"], "--system")


@pytest.mark.promise("T1")
async def test_a_value_is_set_and_taken_away_in_one_tenant(
    line: CommandLine, office: PostOffice, own: TestTenant, branch: TestTenant
) -> None:
    here = ("--tenant", own.name)
    for text in ("20", "21"):
        done = await line.run("settings", "set", KEY, text, *here, "--json")
        assert (done.json["value"], done.json["source"]) == (int(text), "tenant")
    shown = await line.run("settings", "get", KEY, *here)
    there = await line.run("settings", "get", KEY, "--tenant", branch.name)
    past = await line.run("settings", "history", KEY, *here)
    listed = await line.run("settings", "list", *here, "--q", "PASSWORDS.min_len")

    assert (shown.fields["value"], there.fields["value"], there.fields["source"]) == ("21", "12", "default")
    assert [(row[0], row[2], row[3]) for row in past.rows] == [("2", "21", "platform"), ("1", "20", "platform")]
    assert [row[:4] for row in listed.rows] == [[KEY, "21", "integer", "tenant"]]
    assert (await own.owner.get(f"/settings/{KEY}")).json()["value"] == 21
    (first, _) = await entries(office.config, own, "settings.setting.created") + await entries(
        office.config, own, "settings.setting.updated"
    )
    assert (first["actor_type"], first["target_id"]) == ("platform", KEY)

    await line.run("settings", "unset", KEY, *here)
    assert (await own.owner.get(f"/settings/{KEY}")).json()["value"] == 12
    assert (await line.run("settings", "history", KEY, *here)).rows[0][2] == "(removed)"
    assert (await line.run("settings", "unset", KEY, *here)).failure == (
        "The tenant has no value of its own for this key."
    )


async def test_a_value_is_set_and_locked_for_all(line: CommandLine, own: TestTenant, branch: TestTenant) -> None:
    await own.owner.put(f"/settings/{KEY}", json={"value": 30})
    await line.run("settings", "set", KEY, "16", "--system")
    both = [(await tenant.owner.get(f"/settings/{KEY}")).json()["value"] for tenant in (own, branch)]
    locked = await line.run("settings", "lock", KEY, "--json")
    refused = await line.run("settings", "set", KEY, "31", "--tenant", own.name)
    await line.run("settings", "set", KEY, "17", "--system", "--description", "House rule")
    kept = await line.run("settings", "get", KEY, "--system")

    assert both == [30, 16]
    assert (locked.json["locked"], locked.json["value"]) == (True, 16)
    assert refused.failure is not None
    assert "lock" in refused.failure
    assert (kept.fields["locked"], kept.fields["value"], kept.fields["description"]) == ("yes", "17", "House rule")
    assert (await own.owner.get(f"/settings/{KEY}")).json()["value"] == 17
    assert (await line.run("settings", "unlock", KEY)).fields["locked"] == "no"
    assert (await own.owner.get(f"/settings/{KEY}")).json()["value"] == 30

    defaulted = await line.run("settings", "lock", "passwords.min_score", "--json")
    assert (defaulted.json["value"], defaulted.json["locked"]) == (3, True)
    nothing = await line.run("settings", "lock", "no.such.key")
    assert nothing.failure == "The platform has set no value for this key."


async def test_what_cannot_be_is_one_sentence(line: CommandLine, own: TestTenant) -> None:
    here = ("--tenant", own.name)
    failures = [
        await line.run("settings", "get", "no.such.key", *here),
        await line.run("settings", "set", KEY, "twelve", *here),
        await line.run("settings", "set", KEY, "7", *here),
        await line.run("settings", "set", "Not A Key", "x", *here),
        await line.run("settings", "list"),
        await line.run("settings", "list", "--system", *here),
        await line.run("settings", "list", "--tenant", "no_such"),
    ]

    sentences = [outcome.failure or "" for outcome in failures]
    assert all(sentence.strip().count("\n") == 0 and sentence for sentence in sentences)
    assert sentences[1] == "A value of the type integer is written as JSON, and this is none."
    assert sentences[2] == "The value must be at least 8."
    assert sentences[4] == sentences[5] == "Name either a --tenant or the --system."


async def test_a_file_takes_settings_to_another_tenant(
    line: CommandLine, own: TestTenant, branch: TestTenant, tmp_path: Path
) -> None:
    here, there, file = ("--tenant", own.name), ("--tenant", branch.name), tmp_path / "settings.yaml"
    await line.run("settings", "set", "brand.sizes", "[1, 2]", *here, "--type", "json", "--public")
    await line.run("settings", "set", "mail.password", "-", *here, "--type", "secret", text="hush\n")
    shown = await line.run("settings", "get", "mail.password", *here, "--json")
    await line.run("settings", "export", *here, "--format", "yaml", "--output", str(file))
    printed = await line.run("settings", "export", *here)

    assert shown.json["value"] == "********"
    assert "hush" not in printed.stdout + file.read_text(encoding="utf-8")
    tried = await line.run("settings", "import", str(file), *there, "--format", "yaml", "--dry-run")
    assert [row[:2] for row in tried.rows] == [["brand.sizes", "would_create"], ["mail.password", "unchanged"]]
    assert (await line.run("settings", "get", "brand.sizes", *there)).failure == "There is no such setting."
    await line.run("settings", "import", str(file), *there, "--format", "yaml")
    assert (await branch.owner.get("/settings/brand.sizes")).json()["value"] == [1, 2]
    await line.run("settings", "unset", "brand.sizes", *there)

    file.write_text('{"settings": {"a.key": {"value": 1, "value_type": "string"}}}', encoding="utf-8")
    refused = await line.run("settings", "import", str(file), *there)
    assert "Nothing was stored: 1 of 1" in (refused.failure or "")
    assert "a.key\terror" in refused.stdout


@pytest.mark.promise("I8")
async def test_a_new_key_encrypts_every_secret_again(
    line: CommandLine, office: PostOffice, own: TestTenant, branch: TestTenant
) -> None:
    """Of both tenants, their history and the system; once. With the old key gone, everything can still be read."""
    for tenant in (own, branch):
        body = {"key": "a.secret", "value": f"first of {tenant.name}", "value_type": "secret"}
        assert (await tenant.owner.post("/settings", json=body)).status_code == 201
        await tenant.owner.put("/settings/a.secret", json={"value": f"hush of {tenant.name}"})
    await line.run("settings", "set", "all.secret", "-", "--system", "--type", "secret", text="hush of all")
    versions = [(await tenant.owner.get("/settings/a.secret")).json() for tenant in (own, branch)]
    rotated = CommandLine(office.config, SETTINGS_KEY=NEW_KEY)

    first = await rotated.run("settings", "rotate-key", "--json")
    again = await rotated.run("settings", "rotate-key", "--json")

    done = {item["place"]: item for item in first.json}
    assert [done[place]["renewed"] for place in ("system", own.name, branch.name)] == [1, 3, 3]
    assert {item["renewed"] for item in again.json} == {0}
    new = Vault("settings", NEW_KEY)
    for tenant in (own, branch):
        async with owner_connection(office.config, tenant.name) as owner:
            sealed = await owner.fetchval("SELECT secret_value FROM settings WHERE key = 'a.secret'")
            past = await owner.fetch("SELECT secret_value FROM setting_changes WHERE key = 'a.secret' ORDER BY version")
        words = [unseal(new, tenant.name, "a.secret", data) for data in (sealed, *(row[0] for row in past))]
        assert words == [f"{word} of {tenant.name}" for word in ("hush", "first", "hush")]
        (entry,) = await entries(office.config, tenant, "settings.secrets.renewed")
        assert "hush" not in str(entry)
    async with owner_connection(office.config, "system") as owner:
        sealed = await owner.fetchval("SELECT secret_value FROM settings WHERE key = 'all.secret'")
    assert unseal(new, "system", "all.secret", sealed) == "hush of all"
    assert [(await tenant.owner.get("/settings/a.secret")).json() for tenant in (own, branch)] == versions

    back = CommandLine(office.config, SETTINGS_KEY=SECRET, SETTINGS_KEY_PREVIOUS=NEW_KEY)
    returned = {item["place"]: item["renewed"] for item in (await back.run("settings", "rotate-key", "--json")).json}
    assert [returned[place] for place in ("system", own.name, branch.name)] == [1, 3, 3]
    await branch.owner.delete("/settings/a.secret")


async def test_what_no_key_opens_stays_and_is_told(line: CommandLine, office: PostOffice, own: TestTenant) -> None:
    await own.owner.post("/settings", json={"key": "a.secret", "value": "hush", "value_type": "secret"})
    async with owner_connection(office.config, own.name) as owner:
        await owner.execute("UPDATE settings SET secret_value = $1", b"\x01" + bytes(40))
    outcome = await line.run("settings", "rotate-key", "--json")

    (found,) = [item for item in outcome.json if item["place"] == own.name]
    assert (found["renewed"], found["current"], found["unreadable"]) == (0, 1, 1)
    assert "unreadable" in outcome.stderr


async def test_second_factors_are_encrypted_again_too(office: PostOffice, own: TestTenant) -> None:
    """SECRET_KEY encrypts them: without this, taking the previous one away would shut people out."""
    begun = (await own.owner.post("/auth/mfa/totp")).json()
    code = pyotp.TOTP(begun["secret"]).now()
    assert (await own.owner.post("/auth/mfa/totp/confirm", json={"code": code})).status_code == 200
    services, tenant = services_of(office.app), await registered(office.app, own.name)
    vault = Vault("totp secrets", NEW_KEY, SECRET)
    counts = []
    for _ in range(2):
        async with services.database.write(tenant, origin=Origin("rotation")) as unit:
            found = await users.operators.renew_second_factors(unit, vault)
            counts.append((found.renewed, found.current, found.unreadable))

    assert counts == [(1, 0, 0), (0, 1, 0)]
    async with owner_connection(office.config, own.name) as owner:
        row = await owner.fetchrow("SELECT user_id, secret FROM user_totp")
    plain = Vault("totp secrets", NEW_KEY).decrypt(row["secret"], f"totp/{row['user_id']}")
    assert plain.decode() == begun["secret"]
    assert len(await entries(office.config, own, "auth.mfa.secrets_renewed")) == 1
