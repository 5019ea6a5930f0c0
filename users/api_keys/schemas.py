"""The bodies and answers about API keys."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from common.times import GivenTime
from shared_models import Payload, PlainText, Shape, Timestamp

# A default that is never read: only the fields that were given are. Its type lets `null` be refused.
_NOT_GIVEN: Any = None

MAX_GRACE = 86_400


def _as_network(text: str) -> str:
    """The usual way of writing it. Bits set behind the prefix are refused: they mostly are a slip."""
    return str(ip_network(text))


Name = Annotated[PlainText, StringConstraints(min_length=1, max_length=100), Field(examples=["Booking engine"])]
Permissions = Annotated[
    list[Annotated[str, StringConstraints(max_length=80)]],
    Field(
        min_length=1,
        max_length=500,
        examples=[["tasks:read:own", "settings:read"]],
        description="`resource:action`, for all records, or with the suffix `:team` or `:own`; at most one's own.",
    ),
]
Networks = Annotated[
    list[Annotated[str, StringConstraints(max_length=50), AfterValidator(_as_network)]],
    Field(max_length=50, examples=[["203.0.113.0/24"]], description="Where the key may be used from; empty: anywhere."),
]
Expiry = Annotated[GivenTime | None, Field(description="When the key ends; null: never.")]


class ApiKeyCreate(Payload):
    """A new key. Its owner is whoever makes it."""

    name: Name
    permissions: Permissions
    expires_at: Expiry = None
    allowed_cidrs: Networks = Field(default_factory=list)


class ApiKeyPatch(Payload):
    """Only the fields to change."""

    name: Name = _NOT_GIVEN
    permissions: Permissions = _NOT_GIVEN
    expires_at: Expiry = None
    allowed_cidrs: Networks = _NOT_GIVEN


class ApiKeyRotation(Payload):
    """How long the replaced secret stays good beside the new one."""

    grace_seconds: Annotated[int, Field(strict=True, ge=0, le=MAX_GRACE)] = 0


class ApiKey(Shape):
    """A credential for a program, which acts as its owner and never may do more than the owner may now."""

    id: UUID
    user_id: UUID = Field(description="The owner.")
    name: str = Field(examples=["Booking engine"])
    prefix: str = Field(examples=["ssk_4fTqJ0aZ"], description="The key's beginning.")
    permissions: list[str] = Field(examples=[["tasks:read:own", "settings:read"]])
    allowed_cidrs: list[str] = Field(examples=[["203.0.113.0/24"]])
    expires_at: Timestamp | None
    previous_expires_at: Timestamp | None = Field(description="Until when the secret before the last rotation is good.")
    last_used_at: Timestamp | None = Field(description="To the minute.")
    revoked_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp
    version: int = Field(examples=[1])


class ApiKeyWithSecret(ApiKey):
    """The same with the key itself, which is shown this once."""

    key: str = Field(examples=["ssk_4fTqJ0aZr1Xw9sKdLm2Bv7NcYt5HgPqEuRi3OaSzWxC_0A1b2C"])
