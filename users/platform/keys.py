"""The platform's own keys, beside the first one from the configuration."""

from __future__ import annotations

from uuid import UUID

import structlog

from common.audit import HIDDEN, Change, Target
from common.clock import now
from common.errors import NotFound
from common.ids import new_id
from common.paging import ListQuery
from serving.visit import Visit
from shared_auth import PlatformKeySecret
from shared_models import Page, page_of
from users.platform import queries
from users.platform.schemas import PlatformKey, PlatformKeyCreated

log = structlog.get_logger("platform")


async def list_keys(visit: Visit, query: ListQuery) -> Page[PlatformKey]:
    """A page of keys, revoked ones too."""
    async with visit.system() as unit:
        found = await queries.list_keys(unit, query)
    return page_of(PlatformKey, found)


async def get_key(visit: Visit, key_id: UUID) -> PlatformKey:
    """One key, also a revoked one. Raises NotFound."""
    async with visit.system() as unit:
        row = await queries.find_key(unit, key_id)
    if row is None:
        raise NotFound("There is no such key.")
    return PlatformKey.model_validate(row)


async def create_key(visit: Visit, name: str) -> PlatformKeyCreated:
    """A new key, whose digest is stored."""
    secret = PlatformKeySecret.new()
    key = PlatformKeyCreated(
        id=new_id(), name=name, prefix=secret.shown, created_at=now(), revoked_at=None, key=secret.text
    )
    async with visit.system(read_only=False) as unit:
        await queries.insert_key(unit, {**key.model_dump(exclude={"key"}), "digest": secret.digest})
        changes = [Change("name", None, name), Change("key", None, HIDDEN)]
        unit.audit("platform.key.created", target=Target("platform_key", str(key.id), name), changes=changes)
    log.info("platform_key_created", key_id=str(key.id))
    return key


async def revoke_key(visit: Visit, key_id: UUID) -> None:
    """Make a key worthless. Raises NotFound."""
    async with visit.system(read_only=False) as unit:
        name = await queries.revoke_key(unit, key_id, now())
        if name is None:
            raise NotFound("There is no such living key.")
        unit.audit("platform.key.revoked", target=Target("platform_key", str(key_id), name))
    log.info("platform_key_revoked", key_id=str(key_id))
