"""What a line says of a team or a user of another system, beside what an import says."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from shared_models import Payload
from users.passwords.foreign import read_foreign_hash
from users.schemas import WebAddress
from users.teams.schemas import Description, TeamName
from users.transfers.schemas import ImportedUser, Names

ForeignHash = Annotated[str, StringConstraints(max_length=512), AfterValidator(read_foreign_hash)]


class LoadedTeam(Payload):
    """A team. ``roles`` are names: of roles that were loaded, or that every tenant has."""

    name: TeamName
    description: Description = ""
    parent_id: UUID | None = None
    roles: Names = Field(default_factory=list)


class LoadedUser(ImportedUser):
    """A user. Without ``password_hash`` a password has to be asked for by mail."""

    avatar_url: WebAddress | None = None
    is_active: bool = True
    is_verified: bool = False
    password_hash: ForeignHash | None = Field(default=None, repr=False)
