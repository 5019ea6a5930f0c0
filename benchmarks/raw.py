"""B2: FastAPI and asyncpg, nothing else: the same transaction with the same statements as the service, and its answers
through FastAPI's response model.

``python -m benchmarks.raw PORT RECORDINGS DATABASE``. Nobody is authenticated, nothing is validated, logged
or counted. The pool does not reset connections, which would cost a round trip: the transaction's settings end with it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from fastapi import FastAPI

from benchmarks.bare import serve
from benchmarks.recording import Recording, load
from shared_models import Page
from tools.notes.schemas import Note
from tools.tasks.schemas import Task


class Raw:
    """Plays recordings."""

    def __init__(self, recordings: dict[str, Recording], database: str) -> None:
        self._recordings = recordings
        self._database = database
        self._pool: asyncpg.Pool | None = None

    @asynccontextmanager
    async def connected(self, _: FastAPI) -> AsyncIterator[None]:
        """As long as the application runs."""
        async with asyncpg.create_pool(
            self._database, min_size=10, max_size=10, init=_read_json, reset=_nothing
        ) as pool:
            self._pool = pool
            yield

    async def play(self, name: str, about: UUID | None = None) -> list[asyncpg.Record]:
        """One transaction; answers the rows of its last statement that selects records."""
        assert self._pool is not None
        recording, found = self._recordings[name], list[asyncpg.Record]()
        statements = recording.statements if about is None else recording.of(about, uuid4())
        async with self._pool.acquire() as connection:
            await connection.execute(f"BEGIN; {recording.opening}")
            for sql, values in statements:
                rows = await connection.fetch(sql, *values)
                if rows and "links" in rows[0]:
                    found = rows
            await connection.execute("COMMIT")
        return found


def create_raw(recordings: dict[str, Recording], database: str) -> FastAPI:
    """Its routes have the service's paths."""
    raw = Raw(recordings, database)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=raw.connected)

    @app.get("/api/v1/tools/notes/{note_id}")
    async def get_note(note_id: UUID) -> Note:
        return Note.model_validate(dict((await raw.play("read", note_id))[0]))

    @app.patch("/api/v1/tools/notes/{note_id}")
    async def change_note(note_id: UUID, _: dict[str, Any]) -> Note:
        return Note.model_validate(dict((await raw.play("write", note_id))[0]))

    @app.get("/api/v1/tools/tasks")
    async def list_tasks(limit: int) -> Page[Task]:
        rows = await raw.play("list")
        items = [Task.model_validate(dict(row)) for row in rows[:limit]]
        return Page(items=items, next_cursor="more" if len(rows) > limit else None)

    return app


async def _read_json(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec("json", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=str, decoder=json.loads)


async def _nothing(_: asyncpg.Connection) -> None:
    pass


if __name__ == "__main__":
    port, file, database_url = sys.argv[1:]
    serve(create_raw(load(Path(file)), database_url), int(port), access_log=False)
