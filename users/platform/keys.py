"""The platform's own keys, beside the first one from the configuration."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

import structlog

from common.clock import now
from common.errors import NotFound
from common.ids import new_id
from common.paging import ListQuery
from database import Database
from serving.visit import Visit
from shared_auth import PlatformKeySecret
from shared_models import Page
from users.platform import queries
from users.platform.schemas import PlatformKey, PlatformKeyCreated

log = structlog.get_logger("platform")


def platform_key_check(database: Database) -> Callable[[bytes], Awaitable[bool]]:
    """Asks whether a digest is that of a living key. Not cached: operators are few, and a revocation acts at once."""

    async def is_platform_key(digest: bytes) -> bool:
        async with database.system() as unit:
            return await queries.has_living_key(unit, digest)

    return is_platform_key


async def list_keys(visit: Visit, query: ListQuery) -> Page[PlatformKey]:
    """A page of keys, revoked ones too."""
    async with visit.system() as unit:
        found = await queries.list_keys(unit, query)
    keys = [PlatformKey.model_validate(row) for row in found.rows]
    return Page(items=keys, next_cursor=found.next_cursor, total=found.total)


async def create_key(visit: Visit, name: str) -> PlatformKeyCreated:
    """A new key, whose digest is stored."""
    secret = PlatformKeySecret.new()
    key = PlatformKeyCreated(
        id=new_id(), name=name, prefix=secret.shown, created_at=now(), revoked_at=None, key=secret.text
    )
    async with visit.system(read_only=False) as unit:
        await queries.insert_key(unit, {**key.model_dump(exclude={"key"}), "digest": secret.digest})
    log.info("platform_key_created", key_id=str(key.id))
    return key


async def revoke_key(visit: Visit, key_id: UUID) -> None:
    """Make a key worthless. Raises NotFound."""
    async with visit.system(read_only=False) as unit:
        if not await queries.revoke_key(unit, key_id, now()):
            raise NotFound("There is no such living key.")
    log.info("platform_key_revoked", key_id=str(key_id))
