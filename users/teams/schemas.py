"""The shapes of teams and their members."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from shared_models import Payload, PlainText, Shape, Timestamp
from users.accounts.schemas import Ids
from users.schemas import RoleRef, UserRef

_NOT_GIVEN: Any = None  # never read: only the fields that were given are

TeamName = Annotated[PlainText, StringConstraints(min_length=1, max_length=100), Field(examples=["Reservations"])]
Description = Annotated[PlainText, StringConstraints(max_length=500), Field(examples=["Answers the phone"])]
MemberRole = Literal["lead", "member"]


class Team(Shape):
    """People who work together. Its members hold the roles it carries."""

    id: UUID
    name: str = Field(examples=["Reservations"])
    description: str = Field(examples=["Answers the phone"])
    parent_id: UUID | None
    roles: list[RoleRef]
    member_count: int = Field(examples=[4])
    created_at: Timestamp
    updated_at: Timestamp
    version: int = Field(examples=[1])


class TeamReplace(Payload):
    """All editable fields. What is left out gets its default."""

    name: TeamName
    description: Description = ""
    parent_id: UUID | None = None
    role_ids: Ids = Field(default_factory=list)


class TeamCreate(TeamReplace):
    """A new team."""


class TeamPatch(Payload):
    """Only the fields to change. ``parent_id`` null makes it a team of the top."""

    name: TeamName = _NOT_GIVEN
    description: Description = _NOT_GIVEN
    parent_id: UUID | None = None
    role_ids: Ids = _NOT_GIVEN


class Member(Shape):
    """Somebody who belongs to a team."""

    user: UserRef
    role: MemberRole
    joined_at: Timestamp


class MemberSet(Payload):
    """What somebody is to be in a team."""

    role: MemberRole = "member"
