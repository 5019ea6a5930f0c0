"""The answers about the audit log."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, PlainSerializer

from common.enums import ActorType, AuditOutcome
from shared_models import Shape


def exact(moment: datetime) -> str:
    """A moment as the hashes and signatures have it: always six digits of fraction."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


Moment = Annotated[datetime, PlainSerializer(exact, return_type=str, when_used="json")]

BreakKind = Literal[
    "altered",
    "deleted",
    "inserted",
    "reordered",
    "truncated",
    "rewritten",
    "head_altered",
    "checkpoint_forged",
    "tombstone_forged",
]


class AuditActor(Shape):
    """Who did it."""

    type: ActorType
    id: UUID | None
    name: str | None


class AuditTarget(Shape):
    """What it was done to; all null when it concerned nothing in particular."""

    type: str | None
    id: str | None
    name: str | None


class AuditLog(Shape):
    """One entry of the audit log."""

    id: UUID
    seq: int = Field(description="Its place in the chain, without gaps.", examples=[42])
    occurred_at: Moment
    action: str = Field(examples=["users.role.updated"])
    actor: AuditActor
    target: AuditTarget
    changes: list[Any] = Field(
        description="What changed: secrets appear without their values.",
        examples=[[{"path": "name", "old": "a", "new": "b"}]],
    )
    outcome: AuditOutcome
    ip_address: str | None
    user_agent: str | None
    request_id: str | None
    session_id: UUID | None
    prev_hash: str = Field(description="The hash of the entry before; zeros in the first one.")
    hash: str = Field(description="SHA-256 over all other fields: docs/audit.md says how.")


class Signed(Shape):
    """What every signature comes with."""

    time: Moment
    key_id: str
    public_key: str = Field(description="Ed25519, hexadecimal.")
    signature: str = Field(description="Hexadecimal.")


class Checkpoint(Signed):
    """How long the log was, and what its last entry's hash was, signed."""

    tenant: str = Field(examples=["tenant_acme"])
    size: int = Field(ge=0)
    head_hash: str


class Tombstone(Signed):
    """Up to where entries have been removed because their time was over, signed."""

    tenant: str
    through_seq: int
    hash: str


class Seal(Signed):
    """That the service has picked the entries of a filtered export, signed."""

    sha256: str


class Break(Shape):
    """Where the chain is broken, and how: docs/audit.md lists the kinds."""

    seq: int
    kind: BreakKind


class Verification(Shape):
    """Whether the log is whole."""

    ok: bool
    checked: int = Field(description="Entries found right.")
    first_break: Break | None
