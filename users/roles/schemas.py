"""The shapes of roles and permissions."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints

from shared_models import Payload, PlainText, Shape, Timestamp

_NOT_GIVEN: Any = None  # never read: only the fields that were given are

RoleName = Annotated[PlainText, StringConstraints(min_length=1, max_length=64), Field(examples=["auditor"])]
Description = Annotated[PlainText, StringConstraints(max_length=500), Field(examples=["Reads what others did"])]
PermissionText = Annotated[str, StringConstraints(max_length=80)]
PermissionTexts = Annotated[
    list[PermissionText],
    Field(
        max_length=200,
        examples=[["tasks:read:team", "settings:read"]],
        description="`resource:action`, for all records, or with the suffix `:team` or `:own`.",
    ),
]


class Role(Shape):
    """A named set of permissions. System roles cannot be edited."""

    id: UUID
    name: str = Field(examples=["member"])
    description: str = Field(examples=["One's own work"])
    is_system: bool
    permissions: PermissionTexts
    created_at: Timestamp
    updated_at: Timestamp
    version: int = Field(examples=[1])


class RoleReplace(Payload):
    """All editable fields. What is left out gets its default."""

    name: RoleName
    description: Description = ""
    permissions: PermissionTexts = Field(default_factory=list)


class RoleCreate(RoleReplace):
    """A new role."""


class RolePatch(Payload):
    """Only the fields to change. ``permissions`` are replaced, not merged."""

    name: RoleName = _NOT_GIVEN
    description: Description = _NOT_GIVEN
    permissions: PermissionTexts = _NOT_GIVEN


class Permission(Shape):
    """An entry of the catalogue."""

    name: str = Field(examples=["tasks:update"])
    module: str = Field(examples=["tools"])
    description: str = Field(examples=["Change tasks"])
