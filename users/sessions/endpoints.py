"""``/auth/sessions`` and ``/users/{user_id}/sessions``: one's own logins, and those of others."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from dependencies import Enrolling, Listing, Obeyed, Read, Replying, Requires, Route, Write
from shared_auth import Principal
from shared_models import Page
from users.auth.schemas import Session
from users.sessions import service

router = APIRouter(tags=["sessions"], route_class=Route)

SessionsReader = Annotated[Principal, Depends(Requires("sessions:read"))]
SessionsDeleter = Annotated[Principal, Depends(Requires("sessions:delete"))]


@router.get("/auth/sessions", summary="List one's own sessions")
async def list_own_sessions(
    unit: Read, actor: Enrolling, listing: Listing, reply: Replying, settings: Obeyed
) -> Page[Session]:
    """Where one is logged in, newest first; `current` marks the session that asks. `q` searches address and browser.
    Sort by `created_at` or `last_used_at`."""
    return reply.page(await service.list_sessions(unit, actor, actor.user_id, listing, settings))


@router.delete("/auth/sessions/{session_id}", status_code=204, summary="End one of one's own sessions")
async def end_own_session(unit: Write, actor: Enrolling, session_id: UUID) -> None:
    """Its tokens are dead at once, on every process."""
    await service.end_own_session(unit, actor, session_id)


@router.get("/users/{user_id}/sessions", summary="List a user's sessions")
async def list_user_sessions(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: Read, actor: SessionsReader, user_id: UUID, listing: Listing, reply: Replying, settings: Obeyed
) -> Page[Session]:
    """Where the user is logged in, newest first. Sort by `created_at` or `last_used_at`."""
    return reply.page(await service.list_sessions_of(unit, actor, user_id, listing, settings))


@router.delete("/users/{user_id}/sessions", status_code=204, summary="End a user's sessions")
async def end_user_sessions(unit: Write, actor: SessionsDeleter, user_id: UUID) -> None:
    """All of them, at once, on every process. Nobody can do it to one who outranks him."""
    await service.end_sessions_of(unit, actor, user_id)
