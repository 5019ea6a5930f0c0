"""The shapes of notes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from shared_models import Payload, PlainText
from tools.records.schemas import NOT_GIVEN, Links, Patch, Record, Tags, Title

NoteTitle = Annotated[Title, Field(examples=["Vegetarian meals"])]
Content = Annotated[
    PlainText,
    StringConstraints(max_length=100_000, strip_whitespace=False),
    Field(examples=["Both guests, **no nuts**."]),
]
Color = Annotated[PlainText, StringConstraints(min_length=1, max_length=32), Field(examples=["#ffcc00"])]


class Note(Record):
    """A text in Markdown, as it was written: whoever shows it as HTML has to sanitize it."""

    title: str = Field(examples=["Vegetarian meals"])
    content: str = Field(examples=["Both guests, **no nuts**."])
    is_pinned: bool
    is_private: bool
    color: str | None = Field(examples=["#ffcc00"])
    tags: list[str] = Field(examples=[["vip"]])


class NoteReplace(Payload):
    """All editable fields. What is left out gets its default. A private note is for its author only."""

    title: NoteTitle
    content: Content = ""
    is_pinned: bool = False
    is_private: bool = False
    color: Color | None = None
    tags: Tags = Field(default_factory=list)
    links: Links = Field(default_factory=list)


class NoteCreate(NoteReplace):
    """A new note."""


class NotePatch(Patch):
    """Only the fields to change; ``tags`` and ``links`` are replaced as a whole."""

    title: NoteTitle = NOT_GIVEN
    content: Content = NOT_GIVEN
    is_pinned: bool = NOT_GIVEN
    is_private: bool = NOT_GIVEN
    color: Color | None = None
    tags: Tags = NOT_GIVEN
    links: Links = NOT_GIVEN
