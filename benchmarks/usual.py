"""B3: the usual way, as templates have it: an AsyncSession for each request with a ping before use, the tenant's schema
set by an f-string, an entity of the ORM, and two middlewares that derive from BaseHTTPMiddleware.

``python -m benchmarks.usual PORT DATABASE``. Nobody is authenticated, which the usual way would also have to do.
"""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import defer
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint

from benchmarks.bare import serve
from tools.models import Note as NoteEntity
from tools.models import NoteLink
from tools.notes.schemas import Note


class RequestId(BaseHTTPMiddleware):
    """Gives every answer a number."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        response.headers["X-Request-ID"] = request.headers.get("x-request-id", str(uuid4()))
        return response


class Timing(BaseHTTPMiddleware):
    """Says how long an answer took."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        started = time.perf_counter()
        response = await call_next(request)
        response.headers["X-Process-Time"] = f"{time.perf_counter() - started:.6f}"
        return response


async def open_session(request: Request, x_tenant_id: Annotated[str, Header()]) -> AsyncIterator[AsyncSession]:
    """A session for each request, in the tenant's schema."""
    async with request.app.state.sessions() as session:
        await session.execute(text(f"SET search_path TO {x_tenant_id}"))
        yield session


def create_usual(database: str) -> FastAPI:
    """Its one route has the service's path."""
    url = database.replace("postgresql://", "postgresql+asyncpg://", 1)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.sessions = async_sessionmaker(
        create_async_engine(url, pool_size=10, pool_pre_ping=True), expire_on_commit=False
    )
    app.add_middleware(RequestId)
    app.add_middleware(Timing)

    @app.get("/api/v1/tools/notes/{note_id}")
    async def get_note(note_id: UUID, session: Annotated[AsyncSession, Depends(open_session)]) -> Note:
        note = await session.get(NoteEntity, note_id, options=[defer(NoteEntity.search)])
        if note is None or note.deleted_at is not None:
            raise HTTPException(404)
        found = await session.execute(select(NoteLink).where(NoteLink.record_id == note_id))
        links = [{"type": link.link_type, "id": link.link_id} for link in found.scalars()]
        fields = {name: getattr(note, name) for name in Note.model_fields if name != "links"}
        return Note.model_validate({**fields, "links": links})

    return app


if __name__ == "__main__":
    port, database_url = sys.argv[1:]
    serve(create_usual(database_url), int(port), access_log=False)
