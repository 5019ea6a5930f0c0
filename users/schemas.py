"""The shapes that several resources of the users module share, and the grammar of names."""

from __future__ import annotations

import unicodedata
import zoneinfo
from typing import Annotated, Final
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from shared_auth import PASSWORD_MAX_LENGTH
from shared_models import PlainText, Shape, Timestamp

# One @, something on both sides, a dot in the domain, no spaces or control characters. Whether the address exists, only
# the verification mail can tell, so the grammar of RFC 5322 is not worth its surprises.
EMAIL_PATTERN = r"^[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f.]+(\.[^@\s\x00-\x1f\x7f.]+)+$"


def normalize_email(email: str) -> str:
    """The form in which an address is unique: NFKC, lower case. Mail goes to the form that was given."""
    return unicodedata.normalize("NFKC", email).lower()


def normalize_username(username: str) -> str:
    """The form in which a user name is unique."""
    return username.lower()


TIMEZONES: Final = zoneinfo.available_timezones()  # reads some 600 file names: once


def _known_timezone(name: str) -> str:
    if name not in TIMEZONES:
        raise ValueError("is not a time zone of the IANA database, such as Europe/Athens")
    return name


Email = Annotated[str, StringConstraints(max_length=254, pattern=EMAIL_PATTERN), Field(examples=["maria@acme.example"])]
Username = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{3,64}$"), Field(examples=["maria"])]
Login = Annotated[PlainText, StringConstraints(min_length=1, max_length=254), Field(examples=["maria@acme.example"])]
FullName = Annotated[PlainText, StringConstraints(min_length=1, max_length=200), Field(examples=["Maria Papadaki"])]
Phone = Annotated[str, StringConstraints(pattern=r"^\+?[0-9][0-9 ()./-]{2,30}$"), Field(examples=["+302101234567"])]
Locale = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}$"), Field(examples=["el-GR"])
]
TimeZone = Annotated[PlainText, AfterValidator(_known_timezone), Field(examples=["Europe/Athens"])]
WebAddress = Annotated[
    str,
    StringConstraints(max_length=2048, pattern=r"^https?://[^\s\x00-\x1f\x7f]+$"),
    Field(examples=["https://cdn.example/maria.png"]),
]
Password = Annotated[
    str,
    StringConstraints(min_length=1, max_length=PASSWORD_MAX_LENGTH, strip_whitespace=False),
    Field(examples=["correct horse battery staple"]),
]
"""A password as somebody types it: its length is checked against the configuration, its spaces are kept."""


class RoleRef(Shape):
    """A role, as others mention it."""

    id: UUID
    name: str = Field(examples=["member"])


class TeamRef(Shape):
    """A team, as others mention it."""

    id: UUID
    name: str = Field(examples=["Reservations"])


class UserRef(Shape):
    """A user, as others mention it."""

    id: UUID
    username: str = Field(examples=["maria"])
    full_name: str | None = Field(examples=["Maria Papadaki"])


class User(Shape):
    """A person's account."""

    id: UUID
    email: str = Field(examples=["maria@acme.example"])
    username: str = Field(examples=["maria"])
    full_name: str | None = Field(examples=["Maria Papadaki"])
    phone: str | None = Field(examples=["+302101234567"])
    locale: str = Field(examples=["el-GR"])
    timezone: str = Field(examples=["Europe/Athens"])
    avatar_url: str | None
    is_active: bool
    is_verified: bool
    mfa_enabled: bool
    roles: list[RoleRef]
    teams: list[TeamRef]
    last_login_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp
    version: int = Field(examples=[1])
