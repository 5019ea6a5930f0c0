"""``/users/api-keys``: credentials for programs.

Making and changing keys needs a login. A key could otherwise outlive itself in a new one, or lift its own limits.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from dependencies import Listing, Provided, Read, Replying, Requires, Route, Write
from shared_auth import Principal
from shared_models import Page
from users.api_keys import service
from users.api_keys.schemas import ApiKey, ApiKeyCreate, ApiKeyPatch, ApiKeyRotation, ApiKeyWithSecret

router = APIRouter(prefix="/users/api-keys", tags=["API keys"], route_class=Route)

KeysReader = Annotated[Principal, Depends(Requires("api_keys:read"))]
KeysCreator = Annotated[Principal, Depends(Requires("api_keys:create", by_key=False))]
KeysEditor = Annotated[Principal, Depends(Requires("api_keys:update", by_key=False))]
KeysRotator = Annotated[Principal, Depends(Requires("api_keys:update"))]
KeysDeleter = Annotated[Principal, Depends(Requires("api_keys:delete"))]
Mine = Annotated[bool, Query(description="Only one's own.")]
Active = Annotated[bool | None, Query(description="Only those that are good now, or only those that are not.")]


@router.get("", summary="List API keys")
async def list_api_keys(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: Read, actor: KeysReader, listing: Listing, reply: Replying, mine: Mine = False, is_active: Active = None
) -> Page[ApiKey]:
    """Keys of the whole tenant, newest first, revoked ones included. `q` searches names and prefixes. Sort by
    `created_at`, `updated_at` or `name`."""
    return reply.page(await service.list_keys(unit, actor, listing, mine=mine, is_active=is_active))


@router.post("", status_code=201, summary="Create an API key")
async def create_api_key(
    unit: Write, actor: KeysCreator, payload: ApiKeyCreate, services: Provided, reply: Replying
) -> ApiKeyWithSecret:
    """The answer has the key itself, this once. It acts as its maker, and can list only what the maker holds."""
    return reply.created(await service.create_key(unit, actor, payload, services))


@router.get("/{key_id}", summary="Get an API key")
async def get_api_key(unit: Read, _actor: KeysReader, key_id: UUID, reply: Replying) -> ApiKey:
    """Answers 304 if `If-None-Match` has the current version."""
    return reply.tag(await service.get_key(unit, key_id))


@router.patch("/{key_id}", summary="Change an API key")
async def update_api_key(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: Write, actor: KeysEditor, key_id: UUID, payload: ApiKeyPatch, services: Provided, reply: Replying
) -> ApiKey:
    """Sets the fields given and leaves the others; acts on the next use."""
    return reply.tag(await service.update_key(unit, actor, key_id, payload, reply.expected_version, services))


@router.delete("/{key_id}", status_code=204, summary="Revoke an API key")
async def revoke_api_key(unit: Write, actor: KeysDeleter, key_id: UUID, reply: Replying) -> None:
    """The key is dead at once, on every process; it stays in the list with `revoked_at`."""
    await service.revoke_key(unit, actor, key_id, reply.expected_version)


@router.post("/{key_id}/rotate", summary="Rotate an API key")
async def rotate_api_key(
    unit: Write, actor: KeysRotator, key_id: UUID, payload: ApiKeyRotation, reply: Replying
) -> ApiKeyWithSecret:
    """The answer has the new key, this once; the old one stays good for `grace_seconds`. Only the key's owner, or the
    key itself, may do it."""
    return reply.tag(await service.rotate_key(unit, actor, key_id, payload.grace_seconds, reply.expected_version))
