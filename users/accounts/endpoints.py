"""``/users``: the accounts of the tenant."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from dependencies import Listing, Obeyed, Read, ReplicaRead, Replying, Requires, Route, ThisVisit, Write
from shared_auth import Principal
from shared_models import Page
from users.accounts import service
from users.accounts.schemas import UserCreate, UserPatch, UserReplace
from users.schemas import User

router = APIRouter(prefix="/users", tags=["users"], route_class=Route)

UsersReader = Annotated[Principal, Depends(Requires("users:read"))]
UsersCreator = Annotated[Principal, Depends(Requires("users:create"))]
UsersEditor = Annotated[Principal, Depends(Requires("users:update"))]
UsersDeleter = Annotated[Principal, Depends(Requires("users:delete"))]
NameOrId = Annotated[str | None, Query(max_length=100)]


@router.get("", summary="List users")
async def list_users(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: ReplicaRead,
    _actor: UsersReader,
    listing: Listing,
    reply: Replying,
    is_active: bool | None = None,
    role: NameOrId = None,
    team: NameOrId = None,
) -> Page[User]:
    """Users of the tenant, newest first. `role` and `team` take a name or an id; `q` searches e-mail and names.
    Sort by `created_at`, `updated_at`, `email` or `username`."""
    return reply.page(await service.list_users(unit, listing, is_active=is_active, role=role, team=team))


@router.post("", status_code=201, summary="Create a user")
async def create_user(unit: Write, actor: UsersCreator, payload: UserCreate, visit: ThisVisit, reply: Replying) -> User:
    """Nobody can give a role that holds more than he does."""
    return reply.created(await service.create_user(unit, actor, payload, visit))


@router.get("/{user_id}", summary="Get a user")
async def get_user(unit: Read, _actor: UsersReader, user_id: UUID, reply: Replying) -> User:
    """Answers 304 if `If-None-Match` has the current version."""
    return reply.tag(await service.get_user(unit, user_id))


@router.put("/{user_id}", summary="Replace a user's fields")
async def replace_user(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: Write, actor: UsersEditor, user_id: UUID, payload: UserReplace, reply: Replying, settings: Obeyed
) -> User:
    """Sets every editable field; what is left out gets its default."""
    return reply.tag(await service.replace_user(unit, actor, user_id, payload, reply.expected_version, settings))


@router.patch("/{user_id}", summary="Change some of a user's fields")
async def update_user(unit: Write, actor: UsersEditor, user_id: UUID, payload: UserPatch, reply: Replying) -> User:
    """Sets the fields given and leaves the others."""
    return reply.tag(await service.update_user(unit, actor, user_id, payload, reply.expected_version))


@router.post("/{user_id}/restore", summary="Take a user's deletion back")
async def restore_user(unit: Write, actor: UsersEditor, user_id: UUID, reply: Replying) -> User:
    """404 unless deleted; 409 if e-mail or user name were taken meanwhile. Sessions and API keys stay ended."""
    return reply.tag(await service.restore_user(unit, actor, user_id, reply.expected_version))


@router.delete("/{user_id}", status_code=204, summary="Delete a user")
async def delete_user(unit: Write, actor: UsersDeleter, user_id: UUID, reply: Replying) -> None:
    """Ends the user's sessions and API keys at once; e-mail and user name become free again."""
    await service.delete_user(unit, actor, user_id, reply.expected_version)
