"""The HTTP collection, played by Postman's own program against a running service.

Not among the files that `make test` collects: `make test-clients` runs it, because it needs Node.js.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from tests.support.node import packages_of, run
from tests.support.source import ROOT
from tests.support.world import PASSWORD, TestTenant

COLLECTION: Final = ROOT / "clients/http/collection.json"
LOGIN: Final = "Log in"
# Complete lives: made, read, changed, deleted, each with the id that the creation has left.
FOLDERS: Final = ("roles", "teams", "API keys", "settings", "feature flags", "notes", "calls", "reminders", "search")
# What the folders ask for that nobody has made: a user, a reminder, and a text to look for.
EXPECTED: Final = {
    "Put somebody into a team": 422,
    "Take somebody out of a team": 422,
    "Dismiss one of one's own reminders": 422,
    "Search all tools": 422,
}


async def play(base: str, tenant: TestTenant, folder: Path) -> dict[str, int]:
    """Log in and send the requests of the folders; the status of each, by its name."""
    packages = await packages_of(Path(__file__).parent / "newman")
    variables = {"baseUrl": base, "tenant": tenant.name, "username": "owner", "password": PASSWORD}
    report = folder / f"{tenant.name}.json"
    arguments = [part for name in (LOGIN, *FOLDERS) for part in ("--folder", name)]
    arguments += [part for name, value in variables.items() for part in ("--env-var", f"{name}={value}")]
    arguments += ["--reporters", "json", "--reporter-json-export", str(report)]
    await run(folder, "node", str(packages / "newman/bin/newman.js"), "run", str(COLLECTION), *arguments)
    executions: list[dict[str, Any]] = json.loads(report.read_text())["run"]["executions"]
    return {one["item"]["name"]: one["response"]["code"] for one in executions}


async def test_what_is_made_is_read_changed_and_deleted(
    base: str, alpha: TestTenant, beta: TestTenant, tmp_path: Path
) -> None:
    for tenant in (alpha, beta):
        played = await play(base, tenant, tmp_path)

        assert len(played) >= 45
        assert {name: status for name, status in played.items() if status >= 400} == EXPECTED
