"""The bare routes that the service's are compared with: FastAPI alone, the same shapes, nothing in front.

``python -m benchmarks.baselines PORT FOLDER DATABASE`` serves them, with uvicorn's access log unless ``LOG_LEVEL`` is
``warning``. The folder holds the service's own answers, so that both sides send the same body, and serialise the same
model where the service does.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import asyncpg
from asyncpg.protocol import NO_TIMEOUT
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from passlib.context import CryptContext
from sqlalchemy.dialects import postgresql
from starlette.types import Send

from benchmarks.bare import serve
from benchmarks.things import ARGON2, PASSWORD, TENANT
from common.errors import Overloaded
from settings.audit.export.queries import AS_THEY_ARE, select_json
from shared_auth import Passwords
from shared_models import Page
from tools.records.queries import select_records
from tools.tasks.kind import TASK
from tools.tasks.schemas import Task
from users.auth.schemas import AuthenticationTest, Me
from users.introspection.schemas import Introspection


def create_baselines(folder: Path, database: str) -> FastAPI:
    """One route for each file of the folder, below the service's paths, and two that ask the database."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    _add_models(app, folder)
    _add_bytes(app, folder)
    _add_login(app)
    _add_tasks(app, database)
    _add_export(app, database)
    return app


def _add_models(app: FastAPI, folder: Path) -> None:
    me = Me.model_validate_json((folder / "me.json").read_bytes())
    test = AuthenticationTest.model_validate_json((folder / "test.json").read_bytes())
    introspection = Introspection.model_validate_json((folder / "introspect.json").read_bytes())

    @app.get("/api/v1/auth/me")
    async def get_me() -> Me:
        return me

    @app.get("/api/v1/auth/test")
    async def test_authentication() -> AuthenticationTest:
        return test

    @app.post("/api/v1/auth/introspect", response_model_exclude_none=True)
    async def introspect_token(request: Request) -> Introspection:
        await request.body()
        return introspection


def _add_bytes(app: FastAPI, folder: Path) -> None:
    """What the service has ready, too."""
    setting, flags = (folder / "setting.json").read_bytes(), (folder / "flags.json").read_bytes()

    @app.get("/api/v1/settings/{key}")
    async def get_setting(key: str) -> Response:
        return Response(setting, headers={"ETag": f'"{key}"'}, media_type="application/json")

    @app.post("/ofrep/v1/evaluate/flags")
    async def evaluate_flags(request: Request) -> Response:
        await request.body()
        known = request.headers.get("if-none-match")
        if known is not None:
            return Response(status_code=304, headers={"ETag": known})
        return Response(flags, headers={"ETag": '"1"'}, media_type="application/json")


def _add_login(app: FastAPI) -> None:
    """A login that is nothing but its hash, by the same threads in the same number, and refused in the same case; and
    a ``/health`` beside it. What it has no part in, the machine does: threads that hash, and clients."""
    passwords = Passwords(workers=2, queue=64)
    stored = CryptContext(schemes=["argon2"], **ARGON2).hash(PASSWORD)

    @app.get("/health")
    async def get_health() -> dict[str, str]:
        return {"status": "pass"}

    @app.post("/api/v1/auth/login")
    async def log_in(request: Request) -> Response:
        given = (await request.json())["password"]
        try:
            valid = await passwords.verify(given, stored)
        except Overloaded:
            return Response(status_code=503, headers={"Retry-After": "1"})
        return Response(b"{}", status_code=200 if valid else 401, media_type="application/json")


def _add_tasks(app: FastAPI, database: str) -> None:
    """The service's own SELECT by asyncpg alone, outside of any transaction, through FastAPI's response model. Nothing
    in front of it: no tenant, no credential, no rights, no cursor."""
    tasks = TASK.table.c
    page = select_records(TASK).where(tasks.deleted_at.is_(None)).order_by(tasks.created_at.desc(), tasks.id.desc())
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy leaves it untyped
    query = str(page.limit(51).compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    pools: list[asyncpg.Pool] = []

    async def read_json(connection: asyncpg.Connection) -> None:
        for kind in ("json", "jsonb"):
            await connection.set_type_codec(kind, schema="pg_catalog", encoder=json.dumps, decoder=json.loads)

    @app.get("/api/v1/tools/tasks")
    async def list_tasks(limit: int = 50) -> Page[Task]:
        if not pools:
            pools.append(await asyncpg.create_pool(database, init=read_json, server_settings={"search_path": TENANT}))
        rows = await pools[0].fetch(query)
        items = [Task.model_validate(dict(row)) for row in rows[:limit]]
        return Page(items=items, next_cursor="more" if len(rows) > limit else None)


def _add_export(app: FastAPI, database: str) -> None:
    """The service's own COPY by asyncpg alone, handed on as it comes: the same work for PostgreSQL, and the same bytes
    for the client. No snapshot, no note, no clock, no proof."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy leaves it untyped
    query = str(select_json([]).compile(dialect=dialect, compile_kwargs={"literal_binds": True}))

    class Copied(StreamingResponse):
        async def stream_response(self, send: Send) -> None:
            async def hand_on(data: bytes) -> None:
                await send({"type": "http.response.body", "body": data, "more_body": True})

            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            connection = await asyncpg.connect(database, server_settings={"search_path": TENANT})
            try:
                await connection.copy_from_query(query, output=hand_on, timeout=NO_TIMEOUT, **AS_THEY_ARE)
            finally:
                await connection.close()
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    @app.get("/api/v1/settings/audit-logs/export")
    async def export_audit_logs() -> Response:
        return Copied((), media_type="application/x-ndjson")


if __name__ == "__main__":
    port, answers, database_url = sys.argv[1:]
    with_lines = os.environ.get("LOG_LEVEL", "info") == "info"
    serve(create_baselines(Path(answers), database_url), int(port), access_log=with_lines)
