"""What every storage promises, a local folder and S3 alike."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from common.config import Config
from common.errors import ContentMissing, Overloaded, StorageUnavailable, TooManyRequests
from common.ids import SchemaName, TenantId, TenantName, new_id
from common.storage import Folder, Storage
from tests.support.buckets import Bucket, running_bucket
from tests.support.servers import SECRET

ACME, OTHER = (TenantName(TenantId(name), SchemaName(f"tenant_{name}")) for name in ("acme", "other"))
SMALL, LARGE = os.urandom(300_000), os.urandom(11 * 1024**2 + 7)


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    """An S3 server."""
    with running_bucket() as started:
        yield started


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """One kind of storage, then the other."""
    changes = request.getfixturevalue("bucket").config if request.param == "s3" else {}
    return open_storage(tmp_path, **changes)


def open_storage(folder: Path, **changes: Any) -> Storage:
    values = {"environment": "development", "secret_key": SECRET, "data_dir": folder}
    return Storage(Config(**{**values, **changes}))


async def write(folder: Folder, content: bytes) -> UUID:
    """A new file."""
    file_id = new_id()
    async with folder.writing(file_id) as writer:
        for start in range(0, len(content), 70_000):
            await writer.write(content[start : start + 70_000])
    assert writer.size == len(content)
    return file_id


async def read(folder: Folder, file_id: UUID, start: int, stop: int) -> bytes:
    """Part of it."""
    return b"".join([piece async for piece in folder.read(file_id, start, stop)])


async def listed(folder: Folder) -> dict[UUID, int]:
    """What is there."""
    return {file.id: file.size async for file in folder.list()}


@pytest.mark.parametrize("content", [b"", b"x", SMALL, LARGE], ids=len)
async def test_what_is_written_can_be_read_in_any_part(storage: Storage, content: bytes) -> None:
    folder = storage.folder(ACME)

    file_id = await write(folder, content)

    assert (await listed(folder))[file_id] == len(content)
    for start, stop in ((0, len(content)), (len(content) // 3, len(content) // 2), (len(content) - 1, len(content))):
        if 0 <= start < stop:
            assert await read(folder, file_id, start, stop) == content[start:stop]
    await folder.delete([file_id])


@pytest.mark.promise("T1")
async def test_a_tenant_has_a_folder_of_its_own(storage: Storage) -> None:
    ours, theirs = storage.folder(ACME), storage.folder(OTHER)
    file_id = await write(ours, b"ours")

    assert ours.path_of(file_id).startswith("tenant_acme/")
    assert await listed(theirs) == {}
    with pytest.raises(ContentMissing):
        await read(theirs, file_id, 0, 4)
    await theirs.delete([file_id])
    assert await read(ours, file_id, 0, 4) == b"ours"
    assert (await ours.has(file_id), await theirs.has(file_id)) == (True, False)
    await ours.delete([file_id, file_id])
    assert await listed(ours) == {}


def files_in(folder: Path) -> list[Path]:
    """Every file below it, also those that no storage would list."""
    return [path for path in folder.rglob("*") if path.is_file()]


def fail(_writing: asyncio.Task[None]) -> bool:
    return True


def cancel(writing: asyncio.Task[None]) -> bool:
    return writing.cancel()


@pytest.mark.promise("D2")
@pytest.mark.parametrize("content", [b"x", SMALL, LARGE], ids=len)
@pytest.mark.parametrize("end", [fail, cancel])
async def test_what_is_broken_off_leaves_nothing(
    storage: Storage, bucket: Bucket, tmp_path: Path, end: Callable[[asyncio.Task[None]], bool], content: bytes
) -> None:
    folder, written = storage.folder(ACME), asyncio.Event()

    async def begin() -> None:
        async with folder.writing(new_id()) as writer:
            await writer.write(content)
            written.set()
            await asyncio.sleep(0 if end is fail else 3600)
            raise ConnectionResetError

    writing = asyncio.create_task(begin())
    await written.wait()
    end(writing)
    with pytest.raises((ConnectionResetError, asyncio.CancelledError)):
        await writing

    assert await listed(folder) == {}
    assert files_in(tmp_path) == []
    assert (bucket.keys(), bucket.unfinished()) == ([], [])


async def test_a_reader_asks_for_one_piece_after_the_other(storage: Storage) -> None:
    folder = storage.folder(ACME)
    file_id = await write(folder, LARGE)

    pieces = folder.read(file_id, 0, len(LARGE))
    first = await anext(pieces)
    await folder.delete([file_id])

    assert first == LARGE[: 1024**2]
    with pytest.raises(ContentMissing):
        await anext(pieces)


@pytest.mark.promise("S7")
def test_only_so_many_write_at_once(tmp_path: Path) -> None:
    storage = open_storage(tmp_path, max_uploads=3, max_uploads_per_tenant=2)

    for _ in range(2):
        with storage.receiving(ACME), storage.receiving(ACME):
            with pytest.raises(TooManyRequests), storage.receiving(ACME):
                pass
            with storage.receiving(OTHER), pytest.raises(Overloaded), storage.receiving(OTHER):
                pass


@pytest.mark.promise("S8")
@pytest.mark.parametrize(
    "place",
    [
        {"attachments_url": "file:///proc/nothing"},
        {"attachments_url": "s3://b/p", "attachments_s3_endpoint": "http://127.0.0.1:9"},
    ],
)
async def test_a_storage_that_is_away_is_said_to_be(tmp_path: Path, bucket: Bucket, place: dict[str, str]) -> None:
    """``bucket`` has the credentials."""
    storage = open_storage(tmp_path, **place)

    with pytest.raises(StorageUnavailable):
        await write(storage.folder(ACME), SMALL)


async def test_what_a_killed_process_left_half_written_is_cleared(tmp_path: Path) -> None:
    folder = open_storage(tmp_path).folder(ACME)
    whole = await write(folder, b"whole")
    half = tmp_path / "attachments" / f"{folder.path_of(new_id())}#1"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half")

    assert await folder.clear_unfinished(datetime.now(UTC) - timedelta(hours=1)) == 0
    assert await folder.clear_unfinished(datetime.now(UTC) + timedelta(hours=1)) == 1
    assert (half.exists(), await listed(folder)) == (False, {whole: 5})


async def test_a_file_knows_when_it_was_begun(storage: Storage) -> None:
    folder, before = storage.folder(ACME), datetime.now(UTC) - timedelta(milliseconds=1)
    file_id = await write(folder, b"x")

    (file,) = [file async for file in folder.list()]

    assert before <= file.begun_at <= datetime.now(UTC)
    await folder.delete([file_id])
