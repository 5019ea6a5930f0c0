"""Who is asking, and what they may do: tokens, passwords, permissions and the principal.

The only module that imports python-jose (``jose``) and libpass (``passlib``), each used in one strict way.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
import struct
import unicodedata
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from jose import jwt
from jose.exceptions import JOSEError
from passlib.context import CryptContext

from common.audit import Actor
from common.clock import now
from common.errors import Overloaded, PermissionDenied, RefreshTokenInvalid, Unauthenticated
from common.ids import TenantName, new_id
from common.keys import derive_key, from_base64url, to_base64url

# -- Permissions ----------------------------------------------------------------------------------------------------

Level = Literal["own", "team", "all"]
"""Whose records a permission reaches: one's own, those of one's teams, or all of the tenant."""

LEVEL_ORDER: Final[Mapping[str, int]] = {"own": 1, "team": 2, "all": 3}


@dataclass(frozen=True, slots=True)
class Permission:
    """One entry of the catalogue. ``levelled`` ones can be limited to own records or those of one's teams."""

    name: str
    module: str
    description: str
    levelled: bool = False


def crud(module: str, resource: str, plural: str, *, levelled: bool = False) -> tuple[Permission, ...]:
    """The four permissions every resource has."""
    verbs = {"read": "Read", "create": "Create", "update": "Change", "delete": "Delete"}
    return tuple(
        Permission(f"{resource}:{action}", module, f"{verb} {plural}", levelled) for action, verb in verbs.items()
    )


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller, with the rights it has now. They are never in the token: a removed role acts at once."""

    tenant: TenantName
    user_id: UUID
    username: str
    session_id: UUID | None
    via: Literal["token", "api_key"]
    roles: tuple[tuple[UUID, str], ...]  # id and name
    rank: int
    permissions: Mapping[str, Level]

    @property
    def actor(self) -> Actor:
        """This principal as the audit log names it."""
        return Actor("user", self.user_id, self.username)

    def may(self, permission: str) -> bool:
        """Whether the permission is held at any level."""
        return permission in self.permissions


def authorize(principal: Principal, permission: str) -> None:
    """Raise PermissionDenied, naming the permission, unless the principal holds it."""
    if not principal.may(permission):
        raise PermissionDenied(f"The permission {permission} is missing.", permission=permission)


# -- Access tokens --------------------------------------------------------------------------------------------------

ALGORITHM: Final = "HS256"
TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 - RFC 9068 section 2.1
MAX_TOKEN_LENGTH: Final = 4096
REQUIRED_CLAIMS: Final = ("sub", "email", "username", "tenant_id", "exp", "iat", "jti", "iss", "aud", "sid", "typ")


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified access token says. It names a session; whether that still lives, the database knows."""

    subject: UUID
    session_id: UUID
    tenant: TenantName
    token_id: str
    expires_at: datetime


class AccessTokens:
    """Issues and verifies access tokens: JWTs (RFC 7519) in the profile of RFC 9068, signed with one algorithm."""

    def __init__(self, secret: str, *, issuer: str, audience: str, lifetime: int, leeway: int) -> None:
        self._key = secret
        self._key_id = hashlib.sha256(derive_key(secret, "key id")).hexdigest()[:16]
        self._issuer = issuer
        self._audience = audience
        self._leeway = leeway
        self.lifetime = lifetime

    def issue(self, *, subject: UUID, email: str, username: str, tenant: TenantName, session_id: UUID) -> str:
        """A signed token that is valid for ``lifetime`` seconds from now."""
        issued = int(now().timestamp())
        claims = {
            "sub": str(subject),
            "email": email,
            "username": username,
            "tenant_id": tenant.schema,
            "exp": issued + self.lifetime,
            "iat": issued,
            "jti": str(new_id()),
            "iss": self._issuer,
            "aud": self._audience,
            "sid": str(session_id),
            "typ": "access",
        }
        headers = {"typ": TOKEN_TYPE, "kid": self._key_id}
        return str(jwt.encode(claims, self._key, algorithm=ALGORITHM, headers=headers))

    def verify(self, token: str) -> Claims:
        """The claims of a token that this service issued and that has not expired. Raises Unauthenticated otherwise."""
        self._check_form(token)
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[ALGORITHM],  # exactly one: without it jose would take a public key for an HMAC secret
                audience=self._audience,
                issuer=self._issuer,
                options={"leeway": self._leeway, **{f"require_{name}": True for name in _JOSE_REQUIRES}},
            )
            return self._read(claims)
        # A forged header or claim can make jose fail in ways it does not wrap; a bad token is never a server error.
        except (JOSEError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            raise Unauthenticated from None

    def _check_form(self, token: str) -> None:
        """Refuse, before any cryptography, what this service cannot have issued."""
        parts = token.split(".") if len(token) <= MAX_TOKEN_LENGTH else []
        decoded = [from_base64url(part) for part in parts]
        if len(decoded) != 3 or any(part is None for part in decoded):
            raise Unauthenticated
        try:
            header = json.loads(decoded[0] or b"")
        except (ValueError, RecursionError):
            raise Unauthenticated from None
        # The whole header is known in advance, so an unknown `crit`, a `jwk` or another `alg` has no place in it.
        if header != {"alg": ALGORITHM, "typ": TOKEN_TYPE, "kid": self._key_id}:
            raise Unauthenticated

    def _read(self, claims: dict[str, Any]) -> Claims:
        if any(not isinstance(claims[name], int if name in {"exp", "iat"} else str) for name in REQUIRED_CLAIMS):
            raise Unauthenticated
        tenant = TenantName.parse(claims["tenant_id"])
        in_future = claims["iat"] > now().timestamp() + self._leeway
        if claims["typ"] != "access" or tenant is None or tenant.schema != claims["tenant_id"] or in_future:
            raise Unauthenticated
        return Claims(
            subject=UUID(claims["sub"]),
            session_id=UUID(claims["sid"]),
            tenant=tenant,
            token_id=claims["jti"],
            expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        )


_JOSE_REQUIRES: Final = ("exp", "iat", "sub", "jti", "iss", "aud")


# -- Refresh tokens -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token's parts. Only its digest is stored."""

    session_id: UUID
    generation: int
    secret: bytes  # 32 random bytes in the first generation, derived from the parent's after it

    @property
    def digest(self) -> bytes:
        """What the database keeps of it."""
        return hashlib.sha256(self.secret).digest()


class RefreshTokens:
    """Makes and reads refresh tokens: ``ssr_`` + base64url(session id, generation, secret, tag).

    The tag proves that this service made the token, so that only a genuine old one, and not a guess at somebody's
    session id, ends a session for being replayed. A successor's secret is derived from its parent's, so that a parent
    repeated within the grace gets the same successor although only digests are stored.
    """

    PREFIX: Final = "ssr_"
    _LAYOUT: Final = struct.Struct(">16sI32s")

    def __init__(self, secret: str) -> None:
        self._tag_key = derive_key(secret, "refresh token tag")
        self._chain_key = derive_key(secret, "refresh token chain")

    def first(self, session_id: UUID) -> RefreshToken:
        """A new chain's first token."""
        return RefreshToken(session_id, 0, secrets.token_bytes(32))

    def successor(self, parent: RefreshToken) -> RefreshToken:
        """The one token that may follow ``parent``."""
        message = parent.session_id.bytes + struct.pack(">I", parent.generation + 1) + parent.secret
        secret = hmac.new(self._chain_key, message, hashlib.sha256).digest()
        return RefreshToken(parent.session_id, parent.generation + 1, secret)

    def write(self, token: RefreshToken) -> str:
        """The token as its holder gets it."""
        body = self._LAYOUT.pack(token.session_id.bytes, token.generation, token.secret)
        return self.PREFIX + to_base64url(body + self._tag(body))

    def read(self, text: str) -> RefreshToken:
        """The parts of a genuine token, however old. Raises RefreshTokenInvalid."""
        data = from_base64url(text.removeprefix(self.PREFIX)) if text.startswith(self.PREFIX) else None
        if data is None or len(data) != self._LAYOUT.size + 16:
            raise RefreshTokenInvalid
        body, tag = data[: self._LAYOUT.size], data[self._LAYOUT.size :]
        if not hmac.compare_digest(tag, self._tag(body)):
            raise RefreshTokenInvalid
        session_id, generation, secret = self._LAYOUT.unpack(body)
        return RefreshToken(UUID(bytes=session_id), generation, secret)

    def _tag(self, body: bytes) -> bytes:
        return hmac.new(self._tag_key, body, hashlib.sha256).digest()[:16]


# -- Passwords ------------------------------------------------------------------------------------------------------

PASSWORD_MAX_LENGTH: Final = 128


class Passwords:
    """Hashes and verifies passwords with argon2id in a bounded pool of threads, so that the event loop never waits.

    Parameters are OWASP's: 19 MiB, two passes, one lane; about 30 ms of one core.
    """

    def __init__(self, *, workers: int, queue: int) -> None:
        self._context = CryptContext(
            schemes=["argon2"],
            argon2__type="ID",
            argon2__memory_cost=19_456,
            argon2__time_cost=2,
            argon2__parallelism=1,
        )
        self._pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="password")
        self._free = workers + queue
        self._decoy = self._context.hash(secrets.token_hex(16))

    async def hash(self, password: str) -> str:
        """The argon2id hash of a password, in PHC string format. Raises Overloaded when too many wait."""
        return str(await self._run(self._context.hash, normalize_password(password)))

    async def verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        """Whether the password is right, and a new hash to store if the old one's parameters are outdated.

        Without a stored hash a decoy is verified: an unknown user costs what a known one does.
        """
        normalized = normalize_password(password)
        try:
            valid, renewed = await self._run(self._context.verify_and_update, normalized, stored or self._decoy)
        except ValueError:  # a stored hash that nobody can read is no password's
            return False, None
        return bool(valid) and stored is not None, renewed

    def close(self) -> None:
        """Let the running hashes end and stop the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def _run(self, function: Any, *arguments: str) -> Any:
        if self._free == 0:
            raise Overloaded("Too many logins at once. Try again.")
        self._free -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)
        finally:
            self._free += 1


def normalize_password(password: str) -> str:
    """NFKC (RFC 8265 section 4.2): the same characters typed on another keyboard are the same password."""
    return unicodedata.normalize("NFKC", password)


def session_deadlines(moment: datetime, *, idle: int, absolute: int, started: datetime) -> tuple[datetime, datetime]:
    """When a session used at ``moment`` ends: unused for ``idle`` seconds, or ``absolute`` seconds after its start."""
    end = started + timedelta(seconds=absolute)
    return min(moment + timedelta(seconds=idle), end), end


# -- Keys of the platform -------------------------------------------------------------------------------------------


def same_secret(given: str, expected: str) -> bool:
    """Compare two secrets in time that depends on neither."""
    return hmac.compare_digest(hashlib.sha256(given.encode()).digest(), hashlib.sha256(expected.encode()).digest())
