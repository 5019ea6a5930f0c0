"""A run that is killed, and run again; and two at once."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from tests.loading.monolith import write_lines
from tests.loading.test_folder import load
from tests.manage.commands import CommandLine
from tests.support.post import PostOffice, entries
from tests.support.probes import owner_connection
from tests.support.source import ROOT
from tests.support.world import TestTenant

LINES = 2000


async def notes(office: PostOffice, tenant: TestTenant) -> int:
    """How many there are."""
    async with owner_connection(office.config, tenant.name) as owner:
        found: int = await owner.fetchval("SELECT count(*) FROM notes")
    return found


async def begin(line: CommandLine, *arguments: str) -> asyncio.subprocess.Process:
    """Begin a command in a process of its own."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "manage", *arguments),
        cwd=ROOT,
        env={**os.environ, **line.environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )


@pytest.mark.promise("D1")
async def test_a_killed_run_is_run_again_and_nothing_is_missing_or_there_twice(
    line: CommandLine, office: PostOffice, own: TestTenant, tmp_path: Path
) -> None:
    write_lines(tmp_path / "notes.ndjson", [{"id": number, "title": f"Note {number}"} for number in range(LINES)])
    arguments = ["load", own.name, "--from", str(tmp_path), "--batch", "10"]
    process = await begin(line, *arguments)
    while await notes(office, own) == 0 and process.returncode is None:  # noqa: ASYNC110 - it is another process
        await asyncio.sleep(0.05)
    process.kill()
    await process.communicate()
    left = await notes(office, own)
    assert 0 < left < LINES

    again = await load(line, own, tmp_path)

    assert (again["notes"]["exists"], again["notes"]["created"]) == (left, LINES - left)
    async with owner_connection(office.config, own.name) as owner:
        titles = {row["title"] for row in await owner.fetch("SELECT title FROM notes")}
    assert (await notes(office, own), len(titles)) == (LINES, LINES)
    assert len(await entries(office.config, own, "tools.note.created")) == LINES
    assert (await line.run("audit", "verify", "--tenant", own.name)).failure is None


async def test_two_runs_at_once_make_one(
    line: CommandLine, office: PostOffice, own: TestTenant, tmp_path: Path
) -> None:
    """Whichever comes later to a line finds it there; to neither is it a fault."""
    write_lines(tmp_path / "notes.ndjson", [{"id": number, "title": f"Note {number}"} for number in range(300)])
    arguments = ["load", own.name, "--from", str(tmp_path), "--batch", "5", "--json"]
    runs = [await begin(line, *arguments) for _ in range(2)]
    told = [json.loads((await run.communicate())[0])["kinds"][0] for run in runs]

    assert [run.returncode for run in runs] == [0, 0]
    assert [one["failed"] for one in told] == [0, 0]
    assert sum(one["created"] for one in told) == await notes(office, own) == 300
