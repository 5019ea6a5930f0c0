"""The shapes of attachments."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from common.enums import AttachmentParent
from shared_models import Payload, PlainText, Shape, Timestamp
from tools.attachments.names import clean_name
from tools.records.schemas import NOT_GIVEN, Links, Patch, Record

MAX_GIVEN_NAME: Final = 1024  # characters of what is made into a name
SHORTEST_SECONDS: Final = 60
LONGEST_SECONDS: Final = 3600


def _read_digest(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def _read_json(value: Any) -> Any:
    """A form has text only."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError("must be JSON: a list of objects with a type and an id") from None


FileName = Annotated[
    PlainText,
    StringConstraints(min_length=1, max_length=MAX_GIVEN_NAME),
    AfterValidator(clean_name),
    Field(examples=["voucher.pdf"]),
]
Description = Annotated[PlainText, StringConstraints(max_length=500), Field(examples=["Signed by the hotel"])]
ParentType = Annotated[AttachmentParent, Field(examples=["note"])]
ParentId = Annotated[UUID, Field(examples=["01a2070b-d702-75af-a80e-ace08e3a517f"])]
Digest = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class Attachment(Record):
    """A file. ``media_type`` is what its first bytes show, not what its sender called it."""

    parent_type: AttachmentParent | None = Field(examples=["note"])
    parent_id: UUID | None
    file_name: str = Field(examples=["voucher.pdf"])
    media_type: str = Field(examples=["application/pdf"])
    size_bytes: int = Field(examples=[52_417])
    sha256: Annotated[str, BeforeValidator(_read_digest)] = Field(
        examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]
    )
    description: str = Field(examples=["Signed by the hotel"])


class AttachmentForm(Payload):
    """The fields of an upload; ``file`` is the name of the file that came with it."""

    file: Annotated[str, AfterValidator(clean_name)]
    parent_type: ParentType | None = None
    parent_id: ParentId | None = None
    description: Description = ""
    links: Annotated[Links, BeforeValidator(_read_json)] = Field(default_factory=list)


class AttachmentReplace(Payload):
    """All that can be changed; the content cannot. What is left out gets its default: a file without a parent is moved
    out of the one it had."""

    file_name: FileName
    parent_type: ParentType | None = None
    parent_id: ParentId | None = None
    description: Description = ""
    links: Links = Field(default_factory=list)


class AttachmentPatch(Patch):
    """Only the fields to change; ``links`` are replaced as a whole, a parent is given by type and id."""

    file_name: FileName = NOT_GIVEN
    parent_type: ParentType | None = None
    parent_id: ParentId | None = None
    description: Description = NOT_GIVEN
    links: Links = NOT_GIVEN


class AddressOrder(Payload):
    """For how long an address is to be good."""

    expires_in_seconds: int = Field(default=300, ge=SHORTEST_SECONDS, le=LONGEST_SECONDS, examples=[300])


class ContentLink(Shape):
    """An address of the content for whoever has it, relative to the service's own."""

    url: str = Field(examples=["/api/v1/tools/attachments/content?token=acme.01a2…"])
    expires_at: Timestamp
