"""What requests may need, and the shapes of those parts that only a later unit of the house can supply."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from pydantic import BaseModel

from common.audit import Origin
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
from common.paging import CursorCodec
from common.registry import Effective, Registry
from common.signing_keys import KeyRing
from database import Database, Tenant
from shared_auth import (
    AccessTokens,
    Claims,
    KeyHolder,
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


class Provisioner(Protocol):
    """Creates tenants; ``migrations.provision`` has the only one."""

    async def create(
        self, name: TenantName, *, title: str, owner: Callable[[], Awaitable[NewOwner]], origin: Origin
    ) -> UUID:
        """Create a tenant and its owner, whose id is the answer. Raises TenantExists.

        ``owner`` is asked for only when this creation's turn has come: a hundred at once would otherwise have a hundred
        passwords to hash at once, more than wait in line.
        """

    async def restore(self, name: TenantName, path: Path, *, status: str, origin: Origin) -> None:
        """Make a tenant from an archive. Raises TenantExists or ArchiveInvalid."""


class KeyUsage(Protocol):
    """Remembers when API keys were used; ``users.api_keys`` has the only one."""

    def note(self, tenant: Tenant, key_id: UUID) -> None:
        """The key was used just now."""

    async def run(self) -> None:
        """Write down what was noted every now and then, for ever."""

    async def flush(self) -> None:
        """Write down what was noted."""


class Lifecycle(Protocol):
    """Changes, exports, clones and drops tenants; ``migrations.lifecycle`` has the only one."""

    async def change(self, name: TenantName, values: Mapping[str, Any], origin: Origin) -> None:
        """Set ``name``, ``status`` or ``delete_after``. Raises TenantNotFound."""

    async def export(self, name: TenantName, path: Path, origin: Origin) -> None:
        """Write an archive. Raises TenantNotFound."""

    async def clone(self, source: TenantName, target: TenantName, folder: Path, *, status: str, origin: Origin) -> None:
        """Copy a tenant under another name. Raises TenantNotFound or TenantExists."""

    async def drop(self, name: TenantName) -> None:
        """Remove a tenant with all it owns. Raises TenantNotFound."""

    async def drop_due(self, moment: datetime) -> list[str]:
        """Drop every tenant whose time has come; answers their ids."""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a request may need, made once by ``main.create_app``."""

    config: Config
    database: Database
    keys: KeyRing
    access_tokens: AccessTokens
    refresh_tokens: RefreshTokens
    passwords: Passwords
    totp_vault: Vault
    cursors: CursorCodec
    caches: Caches
    find_tenant: Callable[[TenantName], Awaitable[Tenant | None]]
    find_principal: Callable[[Tenant, Claims], Awaitable[Principal | None]]
    find_key_holder: Callable[[Tenant, KeySecret], Awaitable[KeyHolder | None]]
    find_profile: Callable[[Tenant, Principal], Awaitable[BaseModel]]
    find_settings: Callable[[Tenant], Awaitable[Effective]]
    key_usage: KeyUsage
    limiter: Limiter
    mail_templates: MailTemplates
    mail_transport: Transport
    is_platform_key: Callable[[bytes], Awaitable[bool]]
    provisioner: Provisioner
    lifecycle: Lifecycle
    expected_revision: str
    constraints: Mapping[str, type[ServiceError]]
    catalogue: Mapping[str, Permission]
    registry: Registry
