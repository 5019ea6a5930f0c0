"""What requests may need, and the shapes of those parts that only a later unit of the house can supply."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol
from uuid import UUID

from common.audit import PLATFORM, Actor, Origin
from common.cache.rendered import Rendered
from common.cache.two_level import Caches
from common.config import Config
from common.encryption import Vault
from common.errors import (
    ServiceError,
)
from common.ids import TenantName
from common.limits import Limiter
from common.mail.render import MailTemplates
from common.mail.transport import Transport
from common.observability.tracing import Tracing
from common.paging import CursorCodec
from common.registry import Effective, Registry
from common.seals import Seals
from common.signing_keys import KeyRing
from common.storage import Storage
from database import Database, Tenant
from serving.admissions import Admissions
from serving.usage.notes import UsageNotes
from shared_auth import (
    AccessTokens,
    Bearer,
    Claims,
    KeyHolder,
    KeyRef,
    KeySecret,
    Passwords,
    Permission,
    Principal,
    RefreshTokens,
)


@dataclass(frozen=True, slots=True)
class NewOwner:
    """The person a tenant starts with, ready to be stored."""

    email: str
    email_normalized: str
    username: str
    username_normalized: str
    password_hash: str
    full_name: str | None
    locale: str = "en"
    timezone: str = "UTC"


class Provisioner(Protocol):
    """Creates tenants; ``migrations.provision`` has the only one."""

    async def create(
        self,
        name: TenantName,
        *,
        title: str,
        owner: Callable[[], Awaitable[NewOwner]],
        origin: Origin,
        actor: Actor = PLATFORM,
        shard: str | None = None,
    ) -> UUID:
        """Create a tenant, on that shard or where new ones go, and its owner, whose id is the answer. Raises
        TenantExists.

        ``owner`` is asked for only when this creation's turn has come: a hundred at once would otherwise have a hundred
        passwords to hash at once, more than wait in line.
        """

    async def restore(
        self,
        name: TenantName,
        path: Path,
        *,
        status: str,
        origin: Origin,
        actor: Actor = PLATFORM,
        shard: str | None = None,
    ) -> None:
        """Make a tenant from an archive. Raises TenantExists or ArchiveInvalid."""


class PlatformKeys(Protocol):
    """Knows the keys of the platform's operators; ``users.platform`` has the only one."""

    async def find_operator(self, digest: bytes) -> Actor | None:
        """Whoever holds the living key of this digest."""

    def note_refusal(self, origin: Origin) -> None:
        """A wrong key came from there."""

    async def run(self) -> None:
        """Write the refusals down every now and then, for ever."""

    async def flush(self) -> None:
        """Write the refusals down."""


class KeyIntrospections(Protocol):
    """Notes who was asked to honour which API keys; ``users.introspection`` has the only one."""

    def note(self, tenant: Tenant, asker: Principal, key: KeyRef, origin: Origin) -> None:
        """Somebody asked about a key, and heard that it is good."""

    async def run(self) -> None:
        """Write the notes down every now and then, for ever."""

    async def flush(self) -> None:
        """Write the notes down."""


class Closing(Protocol):
    """What somebody waits for, and need not any more when the process is to stop."""

    def close(self) -> None:
        """Send home whoever waits."""


class Lifecycle(Protocol):
    """Changes, exports, clones and drops tenants; ``migrations.lifecycle`` has the only one."""

    async def change(
        self,
        name: TenantName,
        values: Mapping[str, Any],
        origin: Origin,
        *,
        actor: Actor = PLATFORM,
        expected_version: int | None = None,
    ) -> None:
        """Set ``name``, ``status`` or ``delete_after``. Raises TenantNotFound or VersionConflict."""

    async def export(self, name: TenantName, path: Path, origin: Origin, *, actor: Actor = PLATFORM) -> None:
        """Write an archive. Raises TenantNotFound."""

    async def clone(
        self,
        source: TenantName,
        target: TenantName,
        folder: Path,
        *,
        status: str,
        origin: Origin,
        actor: Actor = PLATFORM,
    ) -> None:
        """Copy a tenant under another name. Raises TenantNotFound or TenantExists."""

    async def drop(
        self, name: TenantName, origin: Origin, *, actor: Actor = PLATFORM, expected_version: int | None = None
    ) -> None:
        """Remove a tenant with all it owns. Raises TenantNotFound or VersionConflict."""

    async def drop_due(self, moment: datetime) -> list[str]:
        """Drop every tenant whose time has come; answers their ids."""


Duty = Literal["audit logs", "tools"]
"""What one process does for all tenants once in a while."""


class AuditKeeper(Protocol):
    """Does to audit logs what only their owner may; ``migrations.audit_keeper`` has the only one."""

    def turn(self, duty: Duty) -> AbstractAsyncContextManager[bool]:
        """Whether it is this process's turn to look after all tenants; no other does it meanwhile."""

    async def list_tenants(self) -> list[TenantName]:
        """The tenants of this revision that are not being deleted, nor moved."""

    async def expire(self, tenant: Tenant, before: datetime) -> int:
        """Remove the oldest entries from before that moment that a checkpoint covers, some thousands at most, and sign
        that they are gone; answers how many. Raises AuditChainBroken for entries that are not right."""

    async def renew_tombstone(self, tenant: Tenant) -> None:
        """Sign the newest tombstone with the current key too, if it is signed with the previous one."""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a request may need, made once by ``main.create_app``."""

    config: Config
    database: Database
    keys: KeyRing
    access_tokens: AccessTokens
    refresh_tokens: RefreshTokens
    passwords: Passwords
    find_hash_forms: Callable[
        [Tenant], Awaitable[Collection[str]]
    ]  # of passwords, as ``form_of_hash`` tells them apart
    totp_vault: Vault
    cursors: CursorCodec
    caches: Caches
    find_tenant: Callable[[TenantName], Awaitable[Tenant | None]]
    admissions: Admissions
    find_bearer: Callable[[Tenant, Claims, Effective], Awaitable[Bearer | None]]
    find_key_holder: Callable[[Tenant, KeySecret, Effective], Awaitable[KeyHolder | None]]
    find_profile: Callable[[Tenant, Principal], Awaitable[bytes]]
    rendered: Rendered
    find_settings: Callable[[Tenant | None], Awaitable[Effective]]  # None: what counts for a tenant that is yet to be
    settings_vault: Vault
    find_flag_set: Callable[[Tenant], Awaitable[object]]  # settings.feature_flags.evaluation knows its type
    flag_channels: Closing  # settings.ofrep.channels knows its type
    audit_seals: Seals
    audit_keeper: AuditKeeper
    key_usage: UsageNotes
    key_introspections: KeyIntrospections
    flag_usage: UsageNotes
    limiter: Limiter
    mail_templates: MailTemplates
    mail_transport: Transport
    storage: Storage
    platform_keys: PlatformKeys
    provisioner: Provisioner
    lifecycle: Lifecycle
    expected_revision: str
    constraints: Mapping[str, type[ServiceError]]
    catalogue: Mapping[str, Permission]
    registry: Registry
    tracing: Tracing
