"""Receiving a file: checked, hashed and handed to the storage while it arrives, in constant memory and within a time.

Nothing of it is kept unless the transaction that names it commits: what is refused, or broken off, is removed at once,
and what a fall of the process leaves behind, the sweeper finds.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from common.config import Config
from common.errors import FileTooLarge, FileTypeRefused, ServiceError, UploadStalled
from common.ids import new_id
from common.registry import Effective
from common.storage import Folder, Writer
from serving.visit import Visit
from tools.attachments.form import read_form
from tools.attachments.names import clean_name
from tools.attachments.schemas import AttachmentForm
from tools.attachments.sniffing import HEAD, is_allowed, sniff
from tools.declarations import ATTACHMENT_BYTES, ATTACHMENT_TYPES

PIECE: Final = 262_144  # bytes read at a time

ReadFields = Callable[[Mapping[str, str]], AttachmentForm]


@dataclass(slots=True)
class Upload:
    """A file that lies in the storage, and what was said of it. ``is_needed`` when a row will name it."""

    form: AttachmentForm
    file_id: UUID
    media_type: str
    size: int
    sha256: bytes
    is_needed: bool = False

    @property
    def identity(self) -> bytes:
        """What two requests that mean the same have in common, whatever boundaries they drew between their parts."""
        return f"{self.form.model_dump_json()} {self.media_type} {self.size} {self.sha256.hex()}".encode()


@asynccontextmanager
async def receiving(
    visit: Visit, content_type: str | None, stream: AsyncIterator[bytes], read_fields: ReadFields
) -> AsyncIterator[Upload]:
    """An upload, received in full; after the block its file stays in the storage only if it is needed. Raises whatever
    is wrong with it."""
    assert visit.tenant is not None
    config = visit.services.config
    folder = visit.services.storage.folder(visit.tenant.name)
    with visit.services.storage.receiving(visit.tenant.name):
        async with AsyncExitStack() as stack:
            intake = _Intake(folder, stack, config, visit.settings)
            form = read_fields(await read_form(content_type, _patiently(stream, config), intake))
            upload = intake.finish(form)
    async with _kept_if_needed(visit, folder, upload):
        yield upload


@asynccontextmanager
async def receiving_file(visit: Visit, path: Path, form: AttachmentForm, declared: str) -> AsyncIterator[Upload]:
    """The same for a file that lies here, which its name and ``declared`` type are said of. Raises what is wrong with
    it, OSError among that."""
    assert visit.tenant is not None
    folder = visit.services.storage.folder(visit.tenant.name)
    async with AsyncExitStack() as stack:
        intake = _Intake(folder, stack, visit.services.config, visit.settings)
        with await asyncio.to_thread(path.open, "rb") as file:
            await intake.begin(form.file, declared)
            while data := await asyncio.to_thread(file.read, PIECE):
                await intake.write(data)
        upload = intake.finish(form)
    async with _kept_if_needed(visit, folder, upload):
        yield upload


@asynccontextmanager
async def _kept_if_needed(visit: Visit, folder: Folder, upload: Upload) -> AsyncIterator[None]:
    try:
        yield
    except BaseException:
        # Once COMMIT was sent nobody but the database knows whether a row names the file: the sweeper will ask it.
        upload.is_needed = visit.unit is not None and visit.unit.commit_sent
        raise
    finally:
        if not upload.is_needed:
            await asyncio.shield(asyncio.ensure_future(_discard(folder, upload.file_id)))


class _Intake:
    """Takes the file of a form."""

    def __init__(self, folder: Folder, stack: AsyncExitStack, config: Config, settings: Effective) -> None:
        self._folder = folder
        self._stack = stack
        self._max_bytes = min(config.max_upload_bytes, settings[ATTACHMENT_BYTES])
        self._allowed = settings[ATTACHMENT_TYPES]
        self._file_id = new_id()
        self._digest = hashlib.sha256()
        self._head = b""
        self._name = ""
        self._declared = ""
        self._media_type: str | None = None
        self._writer: Writer | None = None

    async def begin(self, name: str, declared: str) -> None:
        """A file of this name is about to come."""
        self._name, self._declared = clean_name(name), declared
        self._writer = await self._stack.enter_async_context(self._folder.writing(self._file_id))

    async def write(self, data: bytes) -> None:
        """Its next bytes. Raises FileTooLarge, FileTypeRefused or StorageUnavailable."""
        assert self._writer is not None
        if self._writer.size + len(data) > self._max_bytes:
            raise FileTooLarge(f"The file is larger than the {self._max_bytes} bytes that this tenant accepts.")
        if self._media_type is None:
            self._head += data[: HEAD - len(self._head)]
            if len(self._head) == HEAD:
                self._look()
        self._digest.update(data)
        await self._writer.write(data)

    def finish(self, form: AttachmentForm) -> Upload:
        """What was taken, once the form is known to have a file. Raises FileTypeRefused."""
        assert self._writer is not None
        if self._media_type is None:
            self._look()
        assert self._media_type is not None
        return Upload(form, self._file_id, self._media_type, self._writer.size, self._digest.digest())

    def _look(self) -> None:
        """Find out what it is, as soon as enough of it is there."""
        self._media_type = sniff(self._head, self._name, self._declared)
        if not is_allowed(self._media_type, self._allowed):
            raise FileTypeRefused(f"Files of the type {self._media_type} are not accepted.")


async def _patiently(stream: AsyncIterator[bytes], config: Config) -> AsyncIterator[bytes]:
    """What comes, for as long as an upload may take: that it keeps coming, ``common.http.body_limit`` sees to. Raises
    UploadStalled."""
    end = asyncio.get_running_loop().time() + config.upload_seconds
    while True:
        try:
            async with asyncio.timeout_at(end):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise UploadStalled from error
        yield chunk


async def _discard(folder: Folder, file_id: UUID) -> None:
    with suppress(ServiceError):
        await folder.delete([file_id])
