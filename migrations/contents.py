"""The contents of a tenant's attachments in its archive: each once, named by its SHA-256, which proves it."""

from __future__ import annotations

import asyncio
import hashlib
import re
import tarfile
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg

from common.errors import ArchiveInvalid, ContentMissing
from common.ids import TenantName, new_id
from common.storage import Folder
from database import quote_identifier

CONTENTS: Final = "attachment_contents"  # the table
CONTENT_FOLDER: Final = "contents"  # in the archive
BLOCK: Final = 1024**2
_MEMBER: Final = re.compile(rf"{CONTENT_FOLDER}/[0-9a-f]{{64}}", re.ASCII)


async def pack_contents(
    connection: asyncpg.Connection,
    name: TenantName,
    stored: Folder,
    archive: tarfile.TarFile,
    scratch: Path,
) -> None:
    """Add what is stored of a tenant to its archive, one content at a time. One that the storage has lost is left out:
    the rest of the tenant is worth an archive all the same."""
    rows = await connection.fetch(f"SELECT sha256, file_id, size_bytes FROM {quote_identifier(name.schema)}.{CONTENTS}")
    path = scratch / "content"
    for row in rows:
        try:
            await _fetch(stored, row["file_id"], row["size_bytes"], path)
        except ContentMissing:
            continue
        arcname = f"{CONTENT_FOLDER}/{row['sha256'].hex()}"
        await asyncio.to_thread(archive.add, path, arcname=arcname, filter=anonymous)


def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without the account and the time on this machine."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = 0
    return member


def is_content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bool:
    """Whether a member is a content. Raises ArchiveInvalid for one that is not what its name says."""
    if not member.isfile() or _MEMBER.fullmatch(member.name) is None:
        return False
    stream = archive.extractfile(member)
    digest = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type] # tarfile's reader is buffered
    if digest != member.name.rpartition("/")[2]:
        raise ArchiveInvalid(f"{member.name!r} has another checksum than its name says.")
    return True


async def load_content(
    connection: asyncpg.Connection,
    archive: tarfile.TarFile,
    member: tarfile.TarInfo,
    stored: Folder,
    written: list[UUID],
) -> None:
    """Store a content of a checked archive, unless no attachment has it. The search_path is the tenant's."""
    stream, file_id = archive.extractfile(member), new_id()
    assert stream is not None
    digest = bytes.fromhex(member.name.rpartition("/")[2])
    changed = await connection.execute(
        f"UPDATE {CONTENTS} SET file_id = $1 WHERE sha256 = $2 AND size_bytes = $3", file_id, digest, member.size
    )
    if changed == "UPDATE 0":
        return
    written.append(file_id)
    async with stored.writing(file_id) as writer:
        while block := await asyncio.to_thread(stream.read, BLOCK):
            await writer.write(block)


async def _fetch(stored: Folder, file_id: UUID, size: int, path: Path) -> None:
    with path.open("wb") as file:
        async for piece in stored.read(file_id, 0, size):
            await asyncio.to_thread(file.write, piece)
