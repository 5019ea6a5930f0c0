"""Who is asking, and what they may do: tokens, passwords, permissions and the principal.

The only module that imports python-jose (``jose``) and libpass (``passlib``), each used in one strict way.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import re
import secrets
import string
import struct
import sys
import threading
import unicodedata
import zlib
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, ClassVar, Final, Literal, Self
from uuid import UUID

from jose import jwt
from jose.exceptions import JOSEError
from passlib.context import CryptContext

from common.audit import Actor
from common.clock import now
from common.config import Config
from common.errors import Overloaded, PermissionDenied, RefreshTokenInvalid, Unauthenticated
from common.ids import TenantName, new_id
from common.keys import derive_key, from_base64url, to_base64url
from common.signing_keys import KeyRing, VerifyingKey

# -- Permissions ----------------------------------------------------------------------------------------------------

Level = Literal["own", "team", "all"]
"""Whose records a permission reaches: one's own, those of one's teams, or all of the tenant."""

LEVEL_ORDER: Final[Mapping[str, int]] = {"own": 1, "team": 2, "all": 3}


RequiredAction = Literal["enrol_second_factor"]
"""What somebody must do before anything else is allowed."""


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
class KeyRef:
    """The API key somebody came with."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller, with the rights it has now. They are never in the token: a removed role acts at once.

    Who comes with an API key acts as the key's owner, with those of the owner's permissions that the key lists.
    """

    tenant: TenantName
    user_id: UUID
    username: str
    session_id: UUID | None
    via: Literal["token", "api_key"]
    roles: tuple[tuple[UUID, str], ...]  # id and name
    rank: int
    permissions: Mapping[str, Level]
    api_key: KeyRef | None = None
    has_second_factor: bool = False
    required_action: RequiredAction | None = None  # to be done first: until then nothing else is allowed

    @property
    def actor(self) -> Actor:
        """This principal as the audit log names it."""
        if self.api_key is not None:
            return Actor("api_key", self.api_key.id, self.api_key.name)
        return Actor("user", self.user_id, self.username)

    @property
    def caller_id(self) -> UUID:
        """Whom an ``Idempotency-Key`` belongs to: the user, or the API key, which may do less than its owner."""
        return self.user_id if self.api_key is None else self.api_key.id

    def may(self, permission: str) -> bool:
        """Whether the permission is held at any level."""
        return permission in self.permissions

    def covers(self, permission: str, level: Level) -> bool:
        """Whether the permission is held at this level or a wider one."""
        return LEVEL_ORDER.get(self.permissions.get(permission, ""), 0) >= LEVEL_ORDER[level]


def authorize(principal: Principal, permission: str) -> None:
    """Raise PermissionDenied, naming the permission, unless the principal holds it."""
    if not principal.may(permission):
        raise PermissionDenied(f"The permission {permission} is missing.", permission=permission)


# -- Access tokens --------------------------------------------------------------------------------------------------

TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 - RFC 9068 section 2.1
MAX_TOKEN_LENGTH: Final = 4096
MAX_VERIFIED: Final = 10_000  # tokens remembered, some 1 kB each
REQUIRED_CLAIMS: Final = ("sub", "email", "username", "tenant_id", "exp", "iat", "jti", "iss", "aud", "sid", "typ")


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified access token says. It names a session; whether that still lives, the database knows."""

    subject: UUID
    session_id: UUID
    tenant: TenantName
    token_id: str
    issued_at: datetime
    expires_at: datetime


class AccessTokens:
    """Issues and verifies access tokens: JWTs (RFC 7519) in the profile of RFC 9068.

    What was verified is remembered by the token's digest: jose takes some 75 µs a token, the memory 2.
    """

    def __init__(self, keys: KeyRing, *, issuer: str, audience: str, lifetime: int, leeway: int) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._leeway = leeway
        self._verified: OrderedDict[bytes, Claims] = OrderedDict()
        self.lifetime = lifetime

    @classmethod
    def of(cls, config: Config, keys: KeyRing) -> Self:
        """As the configuration wants them."""
        return cls(
            keys,
            issuer=config.jwt_issuer,
            audience=config.jwt_audience,
            lifetime=config.access_token_seconds,
            leeway=config.jwt_leeway_seconds,
        )

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
        key = self._keys.signing
        headers = {"typ": TOKEN_TYPE, "kid": key.key_id}
        return str(jwt.encode(claims, self._keys.signing_material, algorithm=key.algorithm, headers=headers))

    def verify(self, token: str) -> Claims:
        """The claims of a token that this service issued and that has not expired. Raises Unauthenticated otherwise."""
        if len(token) > MAX_TOKEN_LENGTH:
            raise Unauthenticated
        digest = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
        claims = self._verified.get(digest) or self._decode(token)
        # On every use, remembered or not. In whole seconds, as jose compares.
        if int(claims.expires_at.timestamp()) < int(now().timestamp()) - self._leeway:
            self._verified.pop(digest, None)
            raise Unauthenticated
        self._verified[digest] = claims
        self._verified.move_to_end(digest)
        if len(self._verified) > MAX_VERIFIED:
            self._verified.popitem(last=False)
        return claims

    def _decode(self, token: str) -> Claims:
        """Verify form, signature and claims."""
        key = self._choose_key(token)
        try:
            claims = jwt.decode(
                token,
                key.material,
                algorithms=[key.algorithm],  # exactly one: without it jose takes a public key for an HMAC secret
                audience=self._audience,
                issuer=self._issuer,
                options={"leeway": self._leeway, **{f"require_{name}": True for name in _JOSE_REQUIRES}},
            )
            return self._read(claims)
        # A forged header or claim can make jose fail in ways it does not wrap; a bad token is never a server error.
        except (JOSEError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            raise Unauthenticated from None

    def _choose_key(self, token: str) -> VerifyingKey:
        """The key a token names. Refuses, before any cryptography, what this service cannot have issued."""
        decoded = [from_base64url(part) for part in token.split(".")]
        if len(decoded) != 3 or any(part is None for part in decoded):
            raise Unauthenticated
        try:
            header = json.loads(decoded[0] or b"")
        except (ValueError, RecursionError):
            raise Unauthenticated from None
        key_id = header.get("kid") if isinstance(header, dict) else None
        key = self._keys.verifying.get(key_id) if isinstance(key_id, str) else None
        # The whole header is known in advance, so an unknown `crit`, a `jwk` or another `alg` has no place in it.
        if key is None or header != {"alg": key.algorithm, "typ": TOKEN_TYPE, "kid": key.key_id}:
            raise Unauthenticated
        return key

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
            issued_at=datetime.fromtimestamp(claims["iat"], UTC),
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

    def __init__(self, secret: str, previous: str | None = None) -> None:
        self._tag_keys = [derive_key(each, "refresh token tag") for each in (secret, previous) if each]
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
        return self.PREFIX + to_base64url(body + _tag(self._tag_keys[0], body))

    def read(self, text: str) -> RefreshToken:
        """The parts of a genuine token, however old. Raises RefreshTokenInvalid."""
        data = from_base64url(text.removeprefix(self.PREFIX)) if text.startswith(self.PREFIX) else None
        if data is None or len(data) != self._LAYOUT.size + 16:
            raise RefreshTokenInvalid
        body, tag = data[: self._LAYOUT.size], data[self._LAYOUT.size :]
        if not any(hmac.compare_digest(tag, _tag(key, body)) for key in self._tag_keys):
            raise RefreshTokenInvalid
        session_id, generation, secret = self._LAYOUT.unpack(body)
        return RefreshToken(UUID(bytes=session_id), generation, secret)


def _tag(key: bytes, body: bytes) -> bytes:
    return hmac.new(key, body, hashlib.sha256).digest()[:16]


# -- API keys -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KeySecret:
    """An API key as its holder has it: ``ssk_``, 43 random characters, ``_``, and their CRC-32 in six.

    The checksum tells a typing error, or a scanner a false alarm, without asking anybody. It proves nothing: the random
    part has 256 bits, and only its owner and the SHA-256 stored of it know which.
    """

    text: str = field(repr=False)

    PREFIX: ClassVar[str] = "ssk_"
    _FORM: ClassVar[re.Pattern[str]] = re.compile(r"([0-9A-Za-z]{43})_([0-9A-Za-z]{6})", re.ASCII)

    @classmethod
    def new(cls) -> Self:
        """A key nobody has seen."""
        random = "".join(secrets.choice(_BASE62) for _ in range(43))  # 62^43 > 2^256
        return cls(f"{cls.PREFIX}{random}_{_checksum(random)}")

    @classmethod
    def read(cls, text: str) -> Self | None:
        """A key that is well-formed, whether or not it is anybody's; None otherwise."""
        parts = cls._FORM.fullmatch(text.removeprefix(cls.PREFIX)) if text.startswith(cls.PREFIX) else None
        return cls(text) if parts is not None and parts[2] == _checksum(parts[1]) else None

    @property
    def digest(self) -> bytes:
        """What the database keeps of it. A fast hash will do: 256 random bits cannot be guessed."""
        return hashlib.sha256(self.text.encode()).digest()

    @property
    def shown(self) -> str:
        """The beginning, by which people tell their keys apart."""
        return self.text[: len(self.PREFIX) + 8]


class PlatformKeySecret(KeySecret):
    """A key of the platform's operators, of the same form."""

    PREFIX: ClassVar[str] = "spk_"


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whoever has an access token, and when the session behind it ends unless something changes."""

    principal: Principal
    session_ends_at: datetime


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Whoever has an API key, and when and from where the key is good. That is asked on every use, also of a copy."""

    principal: Principal
    created_at: datetime
    expires_at: datetime | None
    networks: tuple[IPv4Network | IPv6Network, ...]  # none: from everywhere

    def is_alive(self, moment: datetime) -> bool:
        """Whether the key has not expired."""
        return self.expires_at is None or moment < self.expires_at

    def may_come_from(self, address: str | None) -> bool:
        """Whether the key may be used from this IP address."""
        if not self.networks:
            return True
        try:
            parsed = ip_address(address or "")
        except ValueError:
            return False
        mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None  # a dual-stack socket's IPv4
        return any((mapped or parsed) in network for network in self.networks)


_BASE62: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase


def _checksum(text: str) -> str:
    """CRC-32 in base 62, most significant digit first; 62^6 > 2^32."""
    value, digits = zlib.crc32(text.encode()), ""
    for _ in range(6):
        value, digit = divmod(value, 62)
        digits = _BASE62[digit] + digits
    return digits


# -- Passwords ------------------------------------------------------------------------------------------------------

PASSWORD_MAX_LENGTH: Final = 128
PASSWORD_NICENESS: Final = 10

# What other systems hash with; which of their hashes are taken, and at which cost, says ``users.passwords.foreign``.
FOREIGN_SCHEMES: Final = ("bcrypt", "pbkdf2_sha256")
BCRYPT: Final = "$2"
BCRYPT_BYTES: Final = 72  # of a password; bcrypt never looked at more
FORM_PATTERN: Final = r"^([$]2[aby][$][0-9]{2}[$]|[$]argon2[a-z]+[$]v=[0-9]+[$][^$]+[$]|[$]pbkdf2-sha256[$][0-9]+[$])"
"""What is before the salt, for Python and PostgreSQL alike."""
_FORM: Final = re.compile(FORM_PATTERN)


class Passwords:
    """Hashes and verifies passwords with argon2id in a bounded pool of threads, so that the event loop never waits.

    Parameters are OWASP's: 19 MiB unless the configuration has more, two passes, one lane; about 30 ms of one core.

    Hashes that came from another system are verified too, and replaced when their owner logs in. Each *form* of hash, a
    kind with its cost, takes a time of its own: whoever fails to log in has all forms of the tenant tried, whichever he
    would have needed, so that a failure tells neither who there is nor who has not logged in yet.
    """

    def __init__(self, *, workers: int, queue: int, memory_kib: int = 19_456) -> None:
        self._context = CryptContext(
            schemes=["argon2", *FOREIGN_SCHEMES],  # those of others are loaded when the first of their hashes is met
            deprecated=list(FOREIGN_SCHEMES),
            argon2__type="ID",
            argon2__memory_cost=memory_kib,
            argon2__time_cost=2,
            argon2__parallelism=1,
        )
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="password", initializer=_give_way)
        self._free = workers + queue
        self._decoy = self._context.hash(secrets.token_hex(16))
        self.form = form_of_hash(self._decoy)

    async def hash(self, password: str) -> str:
        """The argon2id hash of a password, in PHC string format. Raises Overloaded when too many wait."""
        return str(await self.run(self._context.hash, normalize_password(password)))

    async def verify(self, password: str, stored: str | None, *, placed: bool = False) -> bool:
        """Whether the password is right.

        Without a stored hash a decoy is verified: an unknown user costs what a known one does. ``placed`` is whether
        the caller has a ``place`` already.
        """
        run = self._run if placed else self.run
        return bool(await run(self._is_right, password, stored or self._decoy)) and stored is not None

    async def try_others(self, password: str, stored: str | None, forms: Collection[str]) -> None:
        """Spend what verifying all of ``forms``, and the one of this service, takes beyond what ``verify`` took. For
        who has a place, and fails to log in."""
        tried = self.form if stored is None else form_of_hash(stored)
        for form in sorted({self.form, *forms} - {tried}):
            decoy = self._decoy if form == self.form else decoy_of_form(form)
            await self._run(self._is_right, password, decoy)

    async def renew(self, password: str, stored: str) -> str | None:
        """A new hash of a password that was right, if the stored one is not what ``hash`` makes today. For who has a
        place."""
        if not self._context.needs_update(stored):
            return None
        return str(await self._run(self._context.hash, normalize_password(password)))

    def _is_right(self, password: str, stored: str) -> bool:
        """As it is hashed here, or as it was typed, which is how others hash it."""
        texts = dict.fromkeys((normalize_password(password), password))
        try:
            return any(self._context.verify(_as_hashed(text, stored), stored) for text in texts) and not (
                "\0" in password and stored.startswith(BCRYPT)
            )
        except ValueError:  # a stored hash that nobody can read is no password's
            return False

    def close(self) -> None:
        """Let the running hashes end and stop the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function that works on passwords, and may take its time, in one of the threads."""
        with self.place():
            return await self._run(function, *arguments)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Have a place among those who hash or wait for it. Whoever has other work to do before the hash takes it
        first, so that who is refused costs none of that work. Raises Overloaded when there is none."""
        if self._free == 0:
            raise Overloaded("Too many logins at once. Try again.")
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1

    async def _run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)


def _give_way() -> None:
    """Let this thread have what the others leave of the processor: where hashes take every core, whoever asks for
    anything else waits less. Linux knows priorities of single threads; elsewhere nothing is changed."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), PASSWORD_NICENESS)


def form_of_hash(stored: str) -> str:
    """Kind and cost of a hash: everything before its salt; "" of one that nobody can read."""
    found = _FORM.match(stored)
    return found[1] if found else ""


@cache
def decoy_of_form(form: str) -> str:
    """A hash of that form, and of no password. What it takes to verify one depends on its form alone."""
    if form.startswith(BCRYPT):
        return f"{form}{'.' * 22}{'.' * 31}"  # 128 bits of salt, 184 of a digest
    salt, digest = "A" * 22, "A" * 43  # 128 bits and 256
    return f"{form}{salt}${digest}"


def _as_hashed(text: str, stored: str) -> str | bytes:
    """What of a password its hash is made of. Bcrypt ends at 72 bytes, and at a NUL: what has one is refused, but not
    before as much work."""
    return (
        text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode()[:BCRYPT_BYTES] if stored.startswith(BCRYPT) else text
    )


def normalize_password(password: str) -> str:
    """NFKC (RFC 8265 section 4.2): the same characters typed on another keyboard are the same password."""
    return unicodedata.normalize("NFKC", password)


# -- Keys of the platform -------------------------------------------------------------------------------------------


def same_secret(given: str, expected: str) -> bool:
    """Compare two secrets in time that depends on neither."""
    return hmac.compare_digest(hashlib.sha256(given.encode()).digest(), hashlib.sha256(expected.encode()).digest())
