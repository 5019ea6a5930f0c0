"""The shapes of tenants as the platform's operator sees them."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from shared_models import Payload, PlainText, Shape, Timestamp
from users.tenants.schemas import Title

_NOT_GIVEN: Any = None  # never read: only the fields that were given are

KeyName = Annotated[PlainText, StringConstraints(min_length=1, max_length=100), Field(examples=["deployment"])]
TenantIdText = Annotated[str, StringConstraints(min_length=1, max_length=64), Field(examples=["acme_copy"])]


class PlatformTenant(Shape):
    """A tenant in the registry."""

    id: str = Field(examples=["acme"])
    tenant_id: str = Field(examples=["tenant_acme"])
    name: str = Field(examples=["Acme Travel"])
    status: Literal["active", "suspended", "deleting"]
    revision: str = Field(examples=["0003"])
    expected_revision: str = Field(examples=["0003"])
    shard: str = Field(examples=["default"])
    moving_to: str | None = Field(examples=[None], description="The shard it is being moved to; not served meanwhile.")
    delete_after: Timestamp | None = Field(description="When a deleted tenant's data is dropped.")
    created_at: Timestamp
    updated_at: Timestamp
    version: int = Field(examples=[1])


class PlatformTenantPatch(Payload):
    """What an operator may change. `active` also takes a deletion back."""

    name: Title = _NOT_GIVEN
    status: Literal["active", "suspended"] = _NOT_GIVEN


class CloneRequest(Payload):
    """The copy's id. It is suspended until an operator activates it, unless `activate` is true."""

    target: TenantIdText
    activate: bool = False


class PlatformKeyCreate(Payload):
    """A new key of the platform's operators."""

    name: KeyName


class PlatformKey(Shape):
    """A platform key, without its secret."""

    id: UUID
    name: str = Field(examples=["deployment"])
    prefix: str = Field(examples=["spk_3fQ9xZ1a"])
    created_at: Timestamp
    revoked_at: Timestamp | None


class PlatformKeyCreated(PlatformKey):
    """A new platform key. ``key`` is shown here and never again."""

    key: str = Field(examples=["spk_..."])


class LogActor(Shape):
    """Who did it: one of the platform's keys by its name, the service itself, or somebody who had none."""

    type: Literal["platform", "system", "anonymous"]
    id: UUID | None = Field(description="Of the platform key, if it was made here.")
    name: str | None = Field(examples=["deployment"])


class LogTarget(Shape):
    """What it was done to."""

    type: str = Field(examples=["tenant"])
    id: str = Field(examples=["acme"])
    name: str | None = Field(examples=["Acme Travel"])


class LogChange(Shape):
    """One field before and after. Of a secret only that it changed."""

    path: str = Field(examples=["status"])
    old: Any = Field(examples=["active"])
    new: Any = Field(examples=["suspended"])


class PlatformAuditLog(Shape):
    """What happened to the platform: an entry of a log that nobody changes, each chained to the one before."""

    id: UUID
    seq: int = Field(examples=[42], description="Without gaps, from 1.")
    occurred_at: Timestamp
    action: str = Field(examples=["tenant.suspended"])
    tenant_id: str | None = Field(examples=["acme"], description="The tenant it concerns, which may be gone.")
    actor: LogActor
    target: LogTarget | None
    changes: list[LogChange]
    outcome: Literal["success", "failure"]
    ip_address: str | None = Field(examples=["203.0.113.7"])
    user_agent: str | None
    request_id: str | None
    session_id: UUID | None
    prev_hash: str = Field(description="The hash of the entry before.")
    hash: str = Field(description="SHA-256 over all other fields.")


class FleetState(Shape):
    """How far the tenants' schemas are."""

    expected_revision: str = Field(examples=["0003"])
    total: int
    current: int
    outdated: list[str] = Field(description="Up to 100 tenants that wait for `python -m manage migrate`.")
