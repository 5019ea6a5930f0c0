"""The shapes of roles and permissions."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from shared_models import Shape, Timestamp


class Role(Shape):
    """A named set of permissions. System roles cannot be edited."""

    id: UUID
    name: str = Field(examples=["member"])
    description: str = Field(examples=["One's own work"])
    is_system: bool
    permissions: list[str] = Field(
        examples=[["tasks:read:own", "settings:read"]],
        description="`resource:action`, for all records, or with the suffix `:team` or `:own`.",
    )
    created_at: Timestamp
    updated_at: Timestamp
    version: int


class Permission(Shape):
    """An entry of the catalogue."""

    name: str = Field(examples=["tasks:update"])
    module: str = Field(examples=["tools"])
    description: str = Field(examples=["Change tasks"])
