"""The shapes and the grammar that the resources of the settings module share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field, StringConstraints

from common.enums import SettingType
from shared_models import PlainText, Shape, Timestamp

KEY_PATTERN: Final = r"^[a-z][a-z0-9_.-]{0,127}$"
# What stands in a key's place in the paths below /settings.
RESERVED: Final = frozenset({"audit-logs", "feature-flags", "effective", "public", "registry", "import", "export"})

Key = Annotated[str, StringConstraints(pattern=KEY_PATTERN, strip_whitespace=False), Field(examples=["branding.color"])]
Description = Annotated[PlainText, StringConstraints(max_length=500), Field(examples=["The colour of the header"])]
Value = Annotated[
    Any,
    Field(
        examples=["#0a6cc4"],
        description="Any JSON of the setting's type, 64 KiB at most. A secret is shown as `********`; sent back like "
        "that, it stays as it is.",
    ),
]


class SettingSource(StrEnum):
    """Whose value is in force."""

    TENANT = "tenant"
    SYSTEM = "system"
    DEFAULT = "default"


class Setting(Shape):
    """A setting, with the value in force and whose that is. ``version`` counts the changes by the tenant and by the
    platform."""

    key: Key
    value: Value
    value_type: SettingType = Field(examples=["string"])
    description: str = Field(examples=["The colour of the header"])
    source: SettingSource
    locked: bool = Field(description="The platform does not let the tenant have a value of its own.")
    is_public: bool = Field(description="Shown without a login by `GET /settings/public`.")
    version: int = Field(examples=[1])
    updated_at: Timestamp | None = Field(description="Null for a default.")
    updated_by: UUID | None = Field(description="Null for what comes from the platform or the code.")

    @property
    def id(self) -> str:
        """What its address ends in."""
        return self.key


class PublicSetting(Shape):
    """A setting that anybody may see."""

    key: Key
    value: Value
    value_type: SettingType = Field(examples=["string"])
