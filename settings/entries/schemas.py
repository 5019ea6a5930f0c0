"""The shapes of a tenant's settings: what may be sent, their history, and the registry."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from common.enums import SettingType
from settings.schemas import Description, Key, Value
from shared_models import Payload, Shape, Timestamp

_NOT_GIVEN: Any = None  # never read: only the fields that were given are

GivenType = Annotated[
    SettingType | None,
    Field(examples=["string"], description="Left out where the key is known: it keeps the type it has."),
]


class SettingReplace(Payload):
    """The value and all that goes with it. What is left out gets what the platform or the code say, or nothing."""

    value: Value
    value_type: GivenType = None
    description: Description = ""
    is_public: bool | None = Field(default=None, description="Left out: as the platform or the code have it, or not.")


class SettingCreate(SettingReplace):
    """A value of the tenant's own."""

    key: Key


class SettingPatch(Payload):
    """Only the fields to change."""

    value: Value = _NOT_GIVEN
    value_type: SettingType = Field(default=_NOT_GIVEN, examples=["string"])
    description: Description = _NOT_GIVEN
    is_public: bool = _NOT_GIVEN


class DeclaredSetting(Shape):
    """A key that the service itself obeys."""

    key: str = Field(examples=["passwords.min_length"])
    value_type: SettingType
    default: Any = Field(examples=[12])
    description: str
    is_public: bool
    minimum: float | None = Field(description="Of a number; of text or a list, its length.")
    maximum: float | None
    choices: list[Any]
    pattern: str | None


class ChangedBy(Shape):
    """Who it was. The name is the one of that day."""

    id: UUID | None = Field(description="Null for the platform's operator.")
    name: str | None


class SettingVersion(Shape):
    """A value that a key had. ``version`` counts the tenant's changes of the key."""

    version: int = Field(examples=[1])
    removed: bool = Field(description="The tenant had no value of its own from then on.")
    value: Value
    value_type: SettingType
    changed_at: Timestamp
    changed_by: ChangedBy


class TransferFormat(StrEnum):
    """How settings are written into a file."""

    JSON = "json"
    YAML = "yaml"


class ImportedSetting(SettingReplace):
    """A setting in a file."""


class KeyStatus(StrEnum):
    """What became of a key in a file."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    WOULD_CREATE = "would_create"
    WOULD_UPDATE = "would_update"
    ERROR = "error"


class KeyFault(Shape):
    """What is wrong with it."""

    code: str = Field(examples=["wrong_type"])
    message: str = Field(examples=["The value of this setting must be of the type integer."])


class KeyResult(Shape):
    """A key of the file, and what became of it."""

    key: str = Field(examples=["branding.color"])
    status: KeyStatus
    error: KeyFault | None = None


class SettingsImportReport(Shape):
    """What became of a file."""

    dry_run: bool
    created: int
    updated: int
    unchanged: int
    failed: int
    results: list[KeyResult]
