"""A tenant's notes, as what is written and read."""

from __future__ import annotations

from tests.cache.workers import Worker
from tests.replica.standby import Stage
from tests.support.world import Api, TestTenant


async def write(api: Api, title: str) -> str:
    """Create one; answers its id."""
    answer = await api.post("/tools/notes", json={"title": title})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def newest(worker: Worker, api: Api) -> str:
    """The id of the first in the list."""
    answer = await worker.do(api.get("/tools/notes?limit=1"))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["items"][0]["id"])


async def write_and_read(stage: Stage, tenant: TestTenant, title: str) -> None:
    """Written in one worker, read at once in the other."""
    here, there = stage.pair.both
    written = await write(stage.at(here, tenant), title)
    assert await newest(there, stage.at(there, tenant)) == written
