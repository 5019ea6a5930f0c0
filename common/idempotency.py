"""Idempotency-Key: the stored answer commits with the row it tells of, so neither exists without the other.

Scope: tenant (the schema), caller, route and key. Kept for 24 hours. An answer may hold a secret that is shown once, so
its body is encrypted, and can be read only in its scope.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import CTE, column, delete, func, literal, not_, select, table, tuple_
from sqlalchemy.dialects.postgresql import insert

from common.audit import NOT_A_CHANGE
from common.clock import now
from common.encryption import DecryptionFailed, Vault
from common.errors import IdempotencyInFlight, IdempotencyMismatch
from common.keys import derive_key
from common.paging import Executes

KEPT: Final = timedelta(hours=24)
CLAIM_KEPT: Final = timedelta(minutes=5)  # of a request that nothing was heard of any more
CLAIMED: Final = 0  # the status of an answer that is not there yet
SWEPT: Final = 20  # expired answers removed with each new one, so that they become fewer
REPLAYED_HEADERS: Final = ("content-type", "location", "etag")

_keys = table(
    "idempotency_keys",
    *(column(name) for name in ("caller", "route", "key", "request_digest", "status", "headers", "body", "created_at")),
)


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """A creating request that may be repeated."""

    tenant: str
    caller: UUID
    route: str
    key: str
    request_digest: bytes
    vault: Vault = field(repr=False)

    @property
    def scope(self) -> str:
        """Whose answer it is, to what."""
        return f"{self.tenant}/{self.caller}/{self.route}/{self.key}"

    @classmethod
    def of(cls, *, tenant: str, caller: UUID, route: str, key: str, body: bytes, secret: str) -> IdempotentRequest:
        """Identify a request by its scope and the digest of its body.

        Keyed, because a body may hold a password: who read a plain digest in the database could guess at it quickly.
        """
        digest = hmac.new(derive_key(secret, "idempotent bodies"), body, hashlib.sha256).digest()
        return cls(tenant, caller, route, key, digest, Vault("idempotent answers", secret))


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """The answer a first request got."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def find_answer(unit: Executes, request: IdempotentRequest) -> StoredAnswer | None:
    """The stored answer to the same request, or None for the first.

    The first one holds an advisory lock until its transaction ends; who comes meanwhile gets IdempotencyInFlight.
    A key used with another body is IdempotencyMismatch.
    """
    locked = await unit.execute(select(func.pg_try_advisory_xact_lock(func.hashtextextended(request.scope, 0))))
    if not locked.scalar_one():
        raise IdempotencyInFlight
    found = await unit.execute(
        select(_keys.c.request_digest, _keys.c.status, _keys.c.headers, _keys.c.body, _keys.c.created_at).where(
            _keys.c.caller == request.caller,
            _keys.c.route == request.route,
            _keys.c.key == request.key,
            _keys.c.created_at > now() - KEPT,
        )
    )
    row = found.one_or_none()
    if row is None:
        return None
    if row.request_digest != request.request_digest:
        raise IdempotencyMismatch
    if row.status == CLAIMED:
        if row.created_at > now() - CLAIM_KEPT:
            raise IdempotencyInFlight
        return None
    try:
        body = request.vault.decrypt(row.body, request.scope)
    except DecryptionFailed:  # the row was tampered with; what it stands for happened, so it must not happen again
        raise IdempotencyMismatch from None
    return StoredAnswer(row.status, json.loads(row.headers), body)


async def claim_answer(unit: Executes, request: IdempotentRequest) -> StoredAnswer | None:
    """The same for a request that is handled in other transactions than this one: its key is taken until the answer is
    kept or the claim is given back. What became of a claim of a process that died, nobody knows: it holds for a while.
    """
    stored = await find_answer(unit, request)
    if stored is None:
        await keep_answer(unit, request, StoredAnswer(CLAIMED, {}, b""))
    return stored


async def give_back(unit: Executes, request: IdempotentRequest) -> None:
    """Nothing came of the request: its key is free."""
    await unit.execute(
        delete(_keys).where(
            _keys.c.caller == request.caller, _keys.c.route == request.route, _keys.c.key == request.key
        )
    )


async def keep_answer(unit: Executes, request: IdempotentRequest, answer: StoredAnswer) -> None:
    """Store the answer in the transaction that made it true; an expired one of the same key is replaced. Whoever adds
    a row takes some away whose time is over, so that nobody has to go through all tenants for it."""
    values: dict[str, Any] = {
        "caller": request.caller,
        "route": request.route,
        "key": request.key,
        "request_digest": request.request_digest,
        "status": answer.status,
        "headers": json.dumps(dict(answer.headers)),
        "body": request.vault.encrypt(answer.body, request.scope),
        "created_at": now(),
    }
    statement = insert(_keys).values({name: literal(value) for name, value in values.items()}).add_cte(_swept(request))
    await unit.execute(
        statement.on_conflict_do_update(
            index_elements=["caller", "route", "key"],
            set_={
                name: statement.excluded[name] for name in ("request_digest", "status", "headers", "body", "created_at")
            },
        ).execution_options(**NOT_A_CHANGE)
    )


def _swept(request: IdempotentRequest) -> CTE:
    """The removal of a few expired answers to other requests, those that somebody else is removing left out."""
    identity = (_keys.c.caller, _keys.c.route, _keys.c.key)
    own = tuple_(*identity) == tuple_(literal(request.caller), literal(request.route), literal(request.key))
    expired = select(*identity).where(_keys.c.created_at <= now() - KEPT, not_(own)).order_by(_keys.c.created_at)
    some = expired.limit(SWEPT).with_for_update(skip_locked=True)
    return delete(_keys).where(tuple_(*identity).in_(some)).returning(_keys.c.key).cte("swept")
