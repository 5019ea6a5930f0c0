"""What requests look up first, kept near: the tenant, the principal, and what somebody sees of himself.

Whoever changes a user's rights calls ``unit.invalidate(PRINCIPALS)``, which forgets all principals of the tenant; who
ends one session names its id, who ends an API key its digest. A change of a user's row forgets the profiles by itself,
see ``users.models.PROFILES``. All of it is part of the commit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from ipaddress import ip_network
from typing import Any, Final
from uuid import UUID

from common.cache.local import ADMITTING_SECONDS, MOMENT_SECONDS, LocalCache
from common.cache.rendered import Rendered
from common.cache.two_level import Caches, TwoLevelCache
from common.clock import now
from common.ids import TenantName
from common.registry import Effective
from database import Database, Tenant
from shared_auth import Bearer, Claims, KeyHolder, KeyRef, KeySecret, Principal
from shared_models import Shape
from users.accounts.service import get_user
from users.api_keys.holders import load_key_holder
from users.auth.lifetimes import SessionTimes
from users.auth.principals import SessionHolder, describe, load_holder, restrain
from users.auth.schemas import Session
from users.models import PRINCIPALS, PROFILES
from users.schemas import User
from users.sessions.queries import find_session
from users.tenants.service import find_tenant

TENANTS: Final = "system/tenants"
MAX_RENDERED: Final = 2_000  # some 2 kB each

FindTenant = Callable[[TenantName], Awaitable[Tenant | None]]
FindBearer = Callable[[Tenant, Claims, Effective], Awaitable[Bearer | None]]
FindKeyHolder = Callable[[Tenant, KeySecret, Effective], Awaitable[KeyHolder | None]]
FindProfile = Callable[[Tenant, Principal], Awaitable[bytes]]


def cached_tenants(database: Database, caches: Caches) -> FindTenant:
    """Look-ups in the registry."""
    local = LocalCache[Tenant](seconds=ADMITTING_SECONDS, size=10_000)
    cache = TwoLevelCache("tenants", caches, local, encode=_encode_tenant, decode=_decode_tenant)

    async def find(name: TenantName) -> Tenant | None:
        async def load() -> Tenant | None:
            async with database.system() as unit:
                return await find_tenant(unit, name)

        return await cache.get(TENANTS, name.schema, load)

    return find


def cached_bearers(database: Database, caches: Caches) -> FindBearer:
    """Look-ups of who is behind a token. Kept by tenant too: a cloned tenant has sessions of the same ids."""
    local = LocalCache[SessionHolder](seconds=ADMITTING_SECONDS, size=50_000)
    cache = TwoLevelCache("principals", caches, local, encode=_encode_session, decode=_decode_session)

    async def find(tenant: Tenant, claims: Claims, settings: Effective) -> Bearer | None:
        async def load() -> SessionHolder | None:
            async with database.read(tenant) as unit:
                return await load_holder(unit, tenant=tenant.name, user_id=claims.subject, session_id=claims.session_id)

        holder = await cache.get(f"{tenant.name.schema}/{PRINCIPALS}", str(claims.session_id), load, tenant.shard)
        if holder is None or holder.principal.user_id != claims.subject:
            return None
        end = holder.times.end(settings)
        return Bearer(restrain(holder.principal, settings), end) if now() < end else None

    return find


def cached_key_holders(database: Database, caches: Caches) -> FindKeyHolder:
    """Look-ups of who is behind an API key. They share the principals' bucket, so whoever has those forgotten for a
    change of rights has these forgotten too; fields are session ids there and digests here."""
    local = LocalCache[KeyHolder](seconds=MOMENT_SECONDS, size=10_000)
    cache = TwoLevelCache("api_keys", caches, local, encode=_encode_holder, decode=_decode_holder)

    async def find(tenant: Tenant, key: KeySecret, settings: Effective) -> KeyHolder | None:
        async def load() -> KeyHolder | None:
            async with database.read(tenant) as unit:
                return await load_key_holder(unit, tenant=tenant.name, digest=key.digest)

        holder = await cache.get(f"{tenant.name.schema}/{PRINCIPALS}", key.digest.hex(), load, tenant.shard)
        return _restrain_holder(holder, settings) if holder else None

    return find


def _restrain_holder(holder: KeyHolder, settings: Effective) -> KeyHolder:
    """A key never may do more than its owner may now."""
    principal = restrain(holder.principal, settings)
    return holder if principal is holder.principal else replace(holder, principal=principal)


def cached_profiles(database: Database, caches: Caches) -> FindProfile:
    """Look-ups of what somebody sees of himself, as JSON: his user record, his session, the principal's rights."""
    people = LocalCache[User](seconds=MOMENT_SECONDS, size=10_000)
    logins = LocalCache[Session](seconds=MOMENT_SECONDS, size=10_000)
    users = TwoLevelCache("users", caches, people, encode=_encode_shape, decode=User.model_validate)
    rendered = Rendered(MAX_RENDERED)
    sessions = TwoLevelCache("sessions", caches, logins, encode=_encode_shape, decode=Session.model_validate)

    async def find(tenant: Tenant, principal: Principal) -> bytes:
        bucket, session_id = f"{tenant.name.schema}/{PROFILES}", principal.session_id

        async def load_user() -> User | None:
            async with database.read(tenant) as unit:
                return await get_user(unit, principal.user_id)

        async def load_session() -> Session | None:
            assert session_id is not None
            async with database.read(tenant) as unit:
                row = await find_session(unit, session_id)
            return Session(**row._mapping, current=True) if row else None

        user = await users.get(bucket, str(principal.user_id), load_user, tenant.shard)
        session = await sessions.get(bucket, str(session_id), load_session, tenant.shard) if session_id else None
        assert user is not None
        who = (tenant.name.schema, session_id or principal.caller_id)
        return rendered.get(
            who, (principal, user, session), lambda: describe(principal, user, session).model_dump_json().encode()
        )

    return find


def _encode_shape(shape: Shape) -> Any:
    return shape.model_dump(mode="json")


def _encode_tenant(tenant: Tenant) -> Any:
    made = tenant.created_at.isoformat() if tenant.created_at else None
    return [tenant.name.schema, tenant.role, tenant.status, tenant.revision, made, tenant.shard, tenant.is_moving]


def _decode_tenant(data: Any) -> Tenant:
    schema, role, status, revision, made, shard, is_moving = data
    created_at = datetime.fromisoformat(made) if made else None
    return Tenant(_name(schema), role, status, revision, created_at, shard, is_moving)


def _encode_principal(principal: Principal) -> Any:
    return {
        "tenant": principal.tenant.schema,
        "user_id": principal.user_id.hex,
        "username": principal.username,
        "session_id": principal.session_id.hex if principal.session_id else None,
        "via": principal.via,
        "roles": [[role_id.hex, name] for role_id, name in principal.roles],
        "rank": principal.rank,
        "permissions": dict(principal.permissions),
        "api_key": [principal.api_key.id.hex, principal.api_key.name] if principal.api_key else None,
        "has_second_factor": principal.has_second_factor,
    }


def _decode_principal(data: Any) -> Principal:
    return Principal(
        tenant=_name(data["tenant"]),
        user_id=UUID(data["user_id"]),
        username=data["username"],
        session_id=UUID(data["session_id"]) if data["session_id"] else None,
        via=data["via"],
        roles=tuple((UUID(role_id), name) for role_id, name in data["roles"]),
        rank=data["rank"],
        permissions=data["permissions"],
        api_key=KeyRef(UUID(data["api_key"][0]), data["api_key"][1]) if data["api_key"] else None,
        has_second_factor=data["has_second_factor"],
    )


def _encode_session(holder: SessionHolder) -> Any:
    times = (holder.times.started_at, holder.times.refreshed_at, holder.times.ends_at)
    return {"principal": _encode_principal(holder.principal), "times": [moment.isoformat() for moment in times]}


def _decode_session(data: Any) -> SessionHolder:
    started_at, refreshed_at, ends_at = map(datetime.fromisoformat, data["times"])
    return SessionHolder(_decode_principal(data["principal"]), SessionTimes(started_at, refreshed_at, ends_at))


def _encode_holder(holder: KeyHolder) -> Any:
    return {
        "principal": _encode_principal(holder.principal),
        "created_at": holder.created_at.isoformat(),
        "expires_at": holder.expires_at.isoformat() if holder.expires_at else None,
        "networks": [str(network) for network in holder.networks],
    }


def _decode_holder(data: Any) -> KeyHolder:
    return KeyHolder(
        principal=_decode_principal(data["principal"]),
        created_at=datetime.fromisoformat(data["created_at"]),
        expires_at=datetime.fromisoformat(data["expires_at"]) if data["expires_at"] else None,
        networks=tuple(ip_network(text) for text in data["networks"]),
    )


def _name(schema: str) -> TenantName:
    name = TenantName.parse(schema)
    assert name is not None
    return name
