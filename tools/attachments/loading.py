"""Files of another system: a line says what they are, a folder has what is in them."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from common.errors import Unprocessable
from database import WriteUnit
from serving.loading import Line, Loading
from shared_models import PlainText
from tools.attachments.receiving import receiving_file
from tools.attachments.schemas import AttachmentForm, AttachmentReplace
from tools.attachments.service import create_attachment

NOBODY = UUID(int=0)


class LoadedAttachment(AttachmentReplace):
    """A file. ``content`` is its path in the folder of contents; ``media_type`` only helps where its first bytes and
    its name leave open what it is."""

    content: Annotated[PlainText, StringConstraints(min_length=1, max_length=1024)]
    media_type: Annotated[PlainText, StringConstraints(max_length=127)] = Field(default="")


async def load_attachment(unit: WriteUnit, loading: Loading, line: Line) -> None:
    """A file of another system. Raises what an upload raises, or Unprocessable without its content."""
    given: LoadedAttachment = line.payload
    visit, past = loading.visit, line.past
    assert visit.tenant is not None
    # What belongs to a private note is its author's to attach.
    author = replace(loading.actor, user_id=past.created_by or NOBODY)
    form = AttachmentForm(
        file=given.file_name,
        parent_type=given.parent_type,
        parent_id=given.parent_id,
        description=given.description,
        links=given.links,
    )
    folder = visit.services.storage.folder(visit.tenant.name)
    path = _path_of(loading.contents, given.content)
    async with receiving_file(visit, path, form, given.media_type) as upload:
        await create_attachment(unit, author, upload, visit.settings, folder, past)
        upload.is_needed = upload.is_needed and not loading.dry_run


def _path_of(folder: Path | None, content: str) -> Path:
    """Where the content lies. A line cannot name a file outside the folder."""
    if folder is None:
        raise Unprocessable("There is no folder of contents: see --contents.", pointer="/body/content")
    try:
        path = (folder / content).resolve()
        with path.open("rb") if path.is_relative_to(folder.resolve()) else nullcontext():
            pass
    except (OSError, ValueError):
        raise Unprocessable("The content cannot be read.", pointer="/body/content", reason="content_missing") from None
    if not path.is_relative_to(folder.resolve()):
        raise Unprocessable("The content lies outside its folder.", pointer="/body/content", reason="content_outside")
    return path
