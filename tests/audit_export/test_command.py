"""``python -m manage audit export``."""

from __future__ import annotations

import gzip
import json
import stat
from pathlib import Path

import pytest

from tests.audit_export.conftest import World
from tests.manage.commands import CommandLine
from tests.support.servers import PLATFORM_KEY

pytestmark = pytest.mark.promise("D5")


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_a_log_becomes_a_proven_private_file(world: World, tmp_path: Path) -> None:
    line, file = CommandLine(world.config), tmp_path / "log.json"
    export = ("audit", "export", "-t", "other", "-o", str(file))

    written = await line.run(*export, "--format", "json")
    proven = await line.run("audit", "verify-export", str(file))
    refused = await line.run(*export)
    replaced = await line.run(*export, "--force")
    again = await line.run("audit", "verify-export", str(file))

    assert written.failure is None, written.stderr
    assert f"{file} is written (1,0" in written.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert proven.stdout.startswith("Proven: 1")
    assert refused.failure == f"{file} exists: name another file, or use --force."
    assert (replaced.failure, again.failure) == (None, None)
    noted = (await world.other.owner.get("/settings/audit-logs?action=settings.audit.exported")).json()["items"][0]
    assert (noted["actor"]["type"], noted["target"]["id"]) == ("platform", "ndjson")
    assert names_in(tmp_path) == [file.name]


async def test_filters_and_compression(world: World, tmp_path: Path) -> None:
    line, file = CommandLine(world.config), tmp_path / "log.ndjson.gz"
    filters = ("--action", "things.*", "--target-id", "77", "--from", "2020-01-01", "-q", "canary")
    written = await line.run("audit", "export", "-t", "other", "-o", str(file), *filters)
    proven = await line.run("audit", "verify-export", str(file))

    assert (written.failure, proven.failure) == (None, None)
    entry, end = map(json.loads, gzip.decompress(file.read_bytes()).splitlines())
    assert entry["target"]["id"] == "77"
    assert end["end"]["filters"] == {
        "action": "things.*",
        "target_id": "77",
        "from": "2020-01-01T00:00:00.000000Z",
        "q": "canary",
    }


async def test_a_suspended_tenants_log_can_be_had(world: World, tmp_path: Path) -> None:
    line, file = CommandLine(world.config), tmp_path / "log.csv"
    headers = {"X-Platform-Key": PLATFORM_KEY, "X-Tenant-ID": None, "Authorization": None}
    for status in ("suspended", "active"):
        changed = await world.other.owner.patch("/platform/tenants/other", headers=headers, json={"status": status})
        assert changed.status_code == 200, changed.text
        if status == "suspended":
            written = await line.run("audit", "export", "-t", "other", "-o", str(file), "--format", "csv")

    assert written.failure is None, written.stderr
    assert file.read_text().startswith("seq,id,")
    assert world.other.canary in file.read_text()


async def test_what_fails_leaves_no_file(world: World, tmp_path: Path) -> None:
    line, file = CommandLine(world.config), tmp_path / "log.csv"
    nobody = await line.run("audit", "export", "-t", "nobody", "-o", str(file))
    nowhere = await line.run("audit", "export", "-t", "other", "-o", str(tmp_path / "missing" / "log.csv"))

    assert nobody.failure == "There is no such tenant."
    assert "missing/log.csv cannot be written" in str(nowhere.failure)
    assert names_in(tmp_path) == []
