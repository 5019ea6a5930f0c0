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
    delete_after: Timestamp | None = Field(description="When a deleted tenant's data is dropped.")
    created_at: Timestamp
    updated_at: Timestamp


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


class FleetState(Shape):
    """How far the tenants' schemas are."""

    expected_revision: str = Field(examples=["0003"])
    total: int
    current: int
    outdated: list[str] = Field(description="Up to 100 tenants that wait for `python -m manage migrate`.")
