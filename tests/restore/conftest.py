"""An installation that was lived in, saved while people wrote, lost, and restored on empty servers."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from tests.restore import lived
from tests.restore.installation import Installation, machine, machine_of_base_backup
from tests.restore.lived import Life
from tests.support.apps import running
from tests.support.post import new_worker
from tests.support.world import Api, Person


@dataclass(frozen=True, slots=True)
class Restored:
    """The service on the new servers. ``before`` and ``during`` are the writes acknowledged when the backup began, and
    when it ended."""

    installation: Installation
    app: FastAPI
    http: httpx.AsyncClient
    lives: list[Life]
    before: list[int]
    during: list[int]
    newcomers: list[Person]
    restoring: str


@pytest.fixture(scope="module", params=["dump by the superuser", "dump by the owner", "base backup"])
def way(request: pytest.FixtureRequest) -> str:
    """How it is saved."""
    return str(request.param)


@pytest.fixture(scope="module")
def backup(way: str) -> Iterator[Path]:
    """Where it is saved to."""
    del way  # each has a folder of its own
    folder = Path(tempfile.mkdtemp(prefix="ss-backup-"))
    folder.chmod(0o755)
    yield folder / "taken"
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
async def restored(way: str, backup: Path) -> AsyncIterator[Restored]:
    """All of it: what is left of the old installation is the backup, and what its people remember."""
    is_dump = way.startswith("dump")
    with machine(backup) as old:
        lives, before, during, newcomers = await live_and_save(old, way)
    with machine(backup) if is_dump else machine_of_base_backup(backup) as new:
        restoring = await new.follow("restore") if is_dump else ""
        if way.endswith("owner"):
            await new.set_passwords()
        restoring += await new.follow("resume")
        async with running(new.config) as (app, http):
            turn_to(http, lives, newcomers)
            yield Restored(new, app, http, lives, before, during, newcomers, restoring)


async def live_and_save(old: Installation, way: str) -> tuple[list[Life], list[int], list[int], list[Person]]:
    """Two tenants, saved while they are used; and what they did before and afterwards."""
    await old.set_up()
    async with running(old.config) as (app, http):
        lives = [await lived.begin(http, name) for name in lived.NAMES]
        async with lived.writing(lives):
            before = [life.number for life in lives]
            await save(old, way)
            during = [life.number for life in lives]
        newcomers = [await lived.go_on(http, life) for life in lives]
        while await new_worker(app).run_once():
            pass
        assert len(list((old.data / "mail").glob("*.eml"))) >= len(lives)
    return lives, before, during, newcomers


async def save(old: Installation, way: str) -> None:
    """As the document says."""
    if way == "base backup":
        await old.follow("base backup")
    elif way.endswith("owner"):
        await old.follow("backup", ("--roles-only", "--roles-only --no-role-passwords"), as_owner=True)
    else:
        await old.follow("backup")


def turn_to(http: httpx.AsyncClient, lives: list[Life], newcomers: list[Person]) -> None:
    """Have everybody ask the new service, with the tokens they have."""
    for life in lives:
        life.tenant.anonymous = Api(http, life.tenant.anonymous.headers)
    for person in (*newcomers, *(person for life in lives for person in life.tenant.people.values())):
        person.api = Api(http, person.api.headers)
