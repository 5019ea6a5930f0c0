"""What a line of an import may say, and what became of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from shared_models import Payload, PlainText, Shape
from users.schemas import Email, FullName, Locale, Phone, TimeZone, Username

Name = Annotated[PlainText, StringConstraints(min_length=1, max_length=100)]
Names = Annotated[list[Name], Field(max_length=50)]


class ImportedUser(Payload):
    """One line's user. Columns that are left out or empty get their defaults."""

    email: Email
    username: Username
    full_name: FullName | None = None
    phone: Phone | None = None
    locale: Locale | None = None
    timezone: TimeZone | None = None
    roles: Names = Field(default_factory=list)
    teams: Names = Field(default_factory=list)


class UsersExportFormat(StrEnum):
    """What an export can be written as."""

    CSV = "csv"


class LineStatus(StrEnum):
    """What became of a line."""

    CREATED = "created"
    WOULD_CREATE = "would_create"
    ERROR = "error"


class LineError(Shape):
    """What is wrong with a line."""

    column: str | None = Field(examples=["email"])
    code: str = Field(examples=["email_taken"])
    message: str = Field(examples=["Another user has this e-mail address."])


class LineResult(Shape):
    """A line of the file, counted from 1 for the header, and what became of it."""

    line: int = Field(examples=[2])
    status: LineStatus
    id: UUID | None = None
    errors: list[LineError] = Field(default_factory=list)


class UsersImportReport(Shape):
    """What became of a file."""

    dry_run: bool
    atomic: bool
    created: int
    failed: int
    results: list[LineResult]
