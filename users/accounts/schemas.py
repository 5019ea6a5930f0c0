"""The bodies that make and change accounts."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from shared_models import Payload
from users.schemas import Email, FullName, Locale, Password, Phone, TimeZone, Username, WebAddress

# A default that is never read: only the fields that were given are. Its type lets `null` be refused where a field
# cannot be empty.
_NOT_GIVEN: Any = None

Ids = Annotated[list[UUID], Field(max_length=50)]


class UserReplace(Payload):
    """All editable fields. What is left out gets its default."""

    email: Email
    username: Username
    full_name: FullName | None = None
    phone: Phone | None = None
    locale: Locale | None = Field(default=None, description="Left out: `tenant.default_locale`.")
    timezone: TimeZone | None = Field(default=None, description="Left out: `tenant.time_zone`.")
    avatar_url: WebAddress | None = None
    is_active: bool = True


class UserCreate(UserReplace):
    """A new account. Without a password its holder cannot log in until one is set by mail."""

    password: Password | None = None
    role_ids: Ids = Field(default_factory=list)
    team_ids: Ids = Field(default_factory=list)


class UserPatch(Payload):
    """Only the fields to change. ``null`` empties those that may be empty."""

    email: Email = _NOT_GIVEN
    username: Username = _NOT_GIVEN
    full_name: FullName | None = None
    phone: Phone | None = None
    locale: Locale = _NOT_GIVEN
    timezone: TimeZone = _NOT_GIVEN
    avatar_url: WebAddress | None = None
    is_active: bool = _NOT_GIVEN
