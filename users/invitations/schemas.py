"""The bodies and answers about invitations."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from shared_models import Payload, Shape, Timestamp
from users.passwords.schemas import MailedToken
from users.schemas import Email, FullName, Locale, Password, Username

Ids = Annotated[list[UUID], Field(max_length=50)]


class InvitationStatus(StrEnum):
    """Where an invitation stands."""

    PENDING = "pending"
    EXPIRED = "expired"
    ACCEPTED = "accepted"
    REVOKED = "revoked"


class InvitationCreate(Payload):
    """Whom to invite, in which language, and what he will be."""

    email: Email
    role_ids: Ids = Field(default_factory=list)
    team_ids: Ids = Field(default_factory=list)
    locale: Locale | None = Field(default=None, description="Left out: `tenant.default_locale`.")


class InvitationAcceptance(Payload):
    """A mailed token, and the account to make."""

    token: MailedToken
    username: Username
    password: Password
    full_name: FullName | None = None


class Invitation(Shape):
    """A person asked to join."""

    id: UUID
    email: str = Field(examples=["nikos@acme.example"])
    locale: str = Field(examples=["el-GR"])
    role_ids: list[UUID]
    team_ids: list[UUID]
    status: InvitationStatus
    invited_by: UUID | None
    expires_at: Timestamp
    accepted_at: Timestamp | None
    revoked_at: Timestamp | None
    user_id: UUID | None = Field(description="Who accepted it.")
    created_at: Timestamp
    updated_at: Timestamp
    version: int = Field(examples=[1])
