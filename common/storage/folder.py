"""One tenant's files. Nothing of another tenant can be named here."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import obstore

from common.errors import ContentMissing
from common.storage.faults import translated
from common.storage.writing import PIECE, Writer

if TYPE_CHECKING:
    from obstore.store import ObjectStore


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that is there."""

    id: UUID
    size: int

    @property
    def begun_at(self) -> datetime:
        """When its writing began, by the clock of the process that wrote it: RFC 9562 section 5.7."""
        return datetime.fromtimestamp((self.id.int >> 80) / 1000, UTC)


class Folder:
    """The files below one tenant's schema. Each has an id of its own, a UUIDv7, and is written once, never replaced: so
    whoever removes a file removes what he means, whatever is being written meanwhile."""

    def __init__(self, store: ObjectStore, schema: str, root: Path | None) -> None:
        self._store = store
        self._schema = schema
        self._root = root  # of a local store

    def path_of(self, file_id: UUID) -> str:
        """Where a file lies in the storage: spread over 256 folders by its last byte, which is random."""
        return f"{self._schema}/{file_id.hex[-2:]}/{file_id}"

    @asynccontextmanager
    async def writing(self, file_id: UUID) -> AsyncIterator[Writer]:
        """A new file, there in full after the block; after an error in it, or a cancellation, not at all. Raises
        StorageUnavailable."""
        writer = Writer(self._store, self.path_of(file_id))
        try:
            yield writer
            await writer.finish()
            if self._root is not None:
                with translated():
                    await asyncio.to_thread(_keep, self._root / self.path_of(file_id))
        except BaseException:
            await asyncio.shield(asyncio.ensure_future(writer.abort()))
            raise

    async def read(self, file_id: UUID, start: int, stop: int) -> AsyncIterator[bytes]:
        """The bytes from ``start`` up to ``stop``, piece by piece. A slow reader holds nothing open: each piece is a
        request of its own. Raises ContentMissing or StorageUnavailable."""
        for offset in range(start, stop, PIECE):
            with translated():
                piece = await obstore.get_range_async(
                    self._store, self.path_of(file_id), start=offset, end=min(offset + PIECE, stop)
                )
            yield bytes(piece)

    async def has(self, file_id: UUID) -> bool:
        """Whether a file is there. Raises StorageUnavailable."""
        try:
            with translated():
                await obstore.head_async(self._store, self.path_of(file_id))
        except ContentMissing:
            return False
        return True

    async def delete(self, file_ids: Collection[UUID]) -> None:
        """Remove files; what is gone already is no fault. Raises StorageUnavailable."""
        for file_id in file_ids:
            with suppress(ContentMissing), translated():
                await obstore.delete_async(self._store, self.path_of(file_id))

    async def list(self) -> AsyncIterator[StoredFile]:
        """Every file of the tenant. Raises StorageUnavailable."""
        with translated():
            async for batch in obstore.list(self._store, self._schema):
                for item in batch:
                    file = self._read(item["path"], item["size"])
                    if file is not None:
                        yield file

    async def clear_unfinished(self, before: datetime) -> int:
        """Remove what a killed process had begun to write into a local folder; answers how much that was. S3 itself
        forgets what was not finished, if its bucket has such a rule."""
        if self._root is None:
            return 0
        return await asyncio.to_thread(_clear_staged, self._root / self._schema, before.timestamp())

    def _read(self, path: str, size: int) -> StoredFile | None:
        """A file of ours. What somebody else has laid there is nobody's business."""
        try:
            file_id = UUID(path.rpartition("/")[2])
        except ValueError:
            return None
        return StoredFile(file_id, size) if self.path_of(file_id) == path else None


def _keep(path: Path) -> None:
    """Have a file, and the folders it may be the first in, survive the machine's fall, as the database's commit that
    will name it does."""
    for each in (path, *path.parents[:3]):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _clear_staged(folder: Path, before: float) -> int:
    """obstore writes to ``name#1`` and renames."""
    cleared = 0
    for path in folder.glob("*/*#*"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < before:
                path.unlink()
                cleared += 1
    return cleared
