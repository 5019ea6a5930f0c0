"""``python -m manage audit``: the same proofs from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from tests.manage.commands import CommandLine
from tests.support.contracts.lists import walk
from tests.support.post import PostOffice
from tests.support.probes import owner_connection
from tests.support.world import create_tenant

pytestmark = pytest.mark.promise("D3")

PATH: Final = "/settings/audit-logs"


async def test_a_live_log_is_verified_and_a_broken_one_ends_with_1(office: PostOffice) -> None:
    line, whole, broken = CommandLine(office.config), await create_tenant(office.http), await create_tenant(office.http)
    one = await line.run("audit", "verify", "--tenant", whole.name, "--json")
    assert (one.json["ok"], one.json["first_break"]) == (True, None)
    async with owner_connection(office.config, broken.name) as owner:
        await owner.execute("ALTER TABLE audit_logs DISABLE TRIGGER USER")
        await owner.execute("UPDATE audit_logs SET action = 'innocent' WHERE seq = 2")
        try:
            found = await line.run("audit", "verify", "-t", broken.name)
            every = await line.run("audit", "verify", "--all")
        finally:
            await owner.execute("UPDATE audit_logs SET action = 'users.user.created' WHERE seq = 2")

    assert (found.failure is not None, "altered at 2" in found.stdout) == (True, True)
    assert every.failure is not None
    rows = {row[0]: row[1:] for row in (text.split("\t") for text in every.stdout.splitlines())}
    assert rows[whole.name][0] == "yes"
    assert rows[broken.name] == ["no", "1", "altered at 2"]
    assert (await line.run("audit", "verify")).failure is not None
    assert (await line.run("audit", "verify", "--system", "--json")).json["ok"]
    assert (await line.run("audit", "verify", "-t", whole.name, "--all")).failure is not None
    assert (await line.run("audit", "verify", "-t", "nobody")).failure is not None


async def test_an_exported_file_is_verified(office: PostOffice, tmp_path: Path) -> None:
    line, tenant = CommandLine(office.config), await create_tenant(office.http)
    entries = await walk(tenant.owner, PATH, sort="seq", limit=200)
    checkpoint = (await tenant.owner.get(f"{PATH}/checkpoint")).json()
    end = {"tenant": tenant.name, "entries": len(entries), "filters": {}, "tombstone": None, "checkpoint": checkpoint}
    lines = [*entries, {"end": end | {"seal": None}}]
    path = tmp_path / "export.ndjson"

    path.write_text("".join(json.dumps(each) + "\n" for each in lines))
    proven = await line.run("audit", "verify-export", str(path), "--public-key", checkpoint["public_key"])
    path.write_text("".join(json.dumps(each) + "\n" for each in lines[1:]))
    broken = await line.run("audit", "verify-export", str(path))
    path.write_text("nonsense")
    unreadable = await line.run("audit", "verify-export", str(path))

    assert proven.failure is None
    assert proven.stdout.startswith(f"Proven: {len(entries)} entries of {tenant.name} (1 to {len(entries)})")
    assert "NOT proven" in (broken.failure or "")
    assert "cannot be read" in (unreadable.failure or "")
