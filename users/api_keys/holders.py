"""Who is behind an API key: its owner, with those of the owner's rights that the key lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import ip_network

from common.clock import now
from common.ids import TenantName
from database import ReadUnit
from shared_auth import LEVEL_ORDER, KeyHolder, KeyRef, Level
from users.api_keys import queries
from users.auth.principals import load_owner
from users.permissions import split_permission


async def load_key_holder(unit: ReadUnit, *, tenant: TenantName, digest: bytes) -> KeyHolder | None:
    """The holder of the living key with this digest; None when key or owner is no more."""
    key = await queries.find_living_key(unit, digest, now())
    owner = await load_owner(unit, tenant=tenant, user_id=key.user_id) if key else None
    if key is None or owner is None:
        return None
    principal = replace(
        owner,
        via="api_key",
        api_key=KeyRef(key.id, key.name),
        permissions=common_permissions(owner.permissions, key.permissions),
    )
    networks = tuple(ip_network(text) for text in key.allowed_cidrs)
    return KeyHolder(principal, key.created_at, key.expires_at, networks)


def common_permissions(held: Mapping[str, Level], listed: Iterable[str]) -> dict[str, Level]:
    """What both the owner holds and the key lists, each permission at the lower of the two levels."""
    grants = dict(split_permission(text) for text in listed)
    return {name: min(level, held[name], key=LEVEL_ORDER.__getitem__) for name, level in grants.items() if name in held}
