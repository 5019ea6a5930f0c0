"""The shapes of the system's settings."""

from __future__ import annotations

from pydantic import Field

from common.enums import SettingType
from settings.schemas import Description, Key, Value
from shared_models import Payload, Shape, Timestamp


class SystemSetting(Shape):
    """A value for every tenant that has none of its own."""

    key: Key
    value: Value
    value_type: SettingType = Field(examples=["string"])
    description: str = Field(examples=["The colour of the header"])
    is_public: bool = Field(description="Shown without a login by every tenant's `GET /settings/public`.")
    is_locked: bool = Field(description="No tenant may have a value of its own; those that have one do not count.")
    version: int = Field(examples=[1])
    updated_at: Timestamp


class SystemSettingReplace(Payload):
    """The value and all that goes with it. What is left out gets its default."""

    value: Value
    value_type: SettingType | None = Field(
        default=None, examples=["string"], description="Left out where the key is known: it keeps the type it has."
    )
    description: Description = ""
    is_public: bool | None = Field(default=None, description="Left out: as the code has it, or not.")
    is_locked: bool = False
