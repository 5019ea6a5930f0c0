"""Sending a content: which part of it, under which headers, piece by piece without a database connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import Row

from common.errors import NotFound, RangeNotSatisfiable, ServiceError
from common.http.replies import NotModified
from common.http.streaming import CutShortError, Sink
from serving.visit import Visit
from tools.attachments import queries
from tools.attachments.names import content_disposition
from tools.attachments.ranges import Part, choose_part
from tools.attachments.sniffing import ACTIVE, UNKNOWN
from tools.records.kinds import Condition

STALL_SECONDS: Final = 120.0  # to take a piece of 1 MiB: 9 kB a second, or the client is gone

log = structlog.get_logger("attachments")


async def find_content(visit: Visit, attachment_id: UUID, reached: Condition | None = None) -> Row[Any]:
    """Where a content lies and what it is called. Raises NotFound."""
    async with visit.read() as unit:
        row = await queries.find_content(unit, attachment_id, reached)
    if row is None:
        raise NotFound("There is no such attachment.")
    return row


def headers_of(row: Row[Any]) -> dict[str, str]:
    """What goes with every part: never shown inside a page of ours, never run, never guessed at."""
    media_type = UNKNOWN if row.media_type in ACTIVE else row.media_type
    return {
        "Content-Type": media_type,
        "Content-Disposition": content_disposition(row.file_name),
        "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
        "Cache-Control": "private, no-cache",
        "ETag": etag_of(row),
        "X-Content-Type-Options": "nosniff",
    }


def etag_of(row: Row[Any]) -> str:
    """A content's own digest."""
    return f'"{row.sha256.hex()}"'


def choose(visit: Visit, row: Row[Any], given: Mapping[str, str], *, has_range: bool) -> Part:
    """The part that a request's headers ask for, if it is one that can. Raises NotModified for a client that has it, or
    RangeNotSatisfiable."""
    etag = etag_of(row)
    known = [tag.strip().removeprefix("W/") for tag in given.get("if-none-match", "").split(",")]
    if etag in known or known == ["*"]:
        raise NotModified(etag)
    try:
        wanted = given.get("range") if has_range else None
        return choose_part(row.size_bytes, etag, wanted, given.get("if-range"))
    except RangeNotSatisfiable:
        visit.headers["Content-Range"] = f"bytes */{row.size_bytes}"
        raise


def producer(visit: Visit, row: Row[Any], part: Part) -> Callable[[Sink], Awaitable[None]]:
    """Writes the part into a sink. What fails before the first byte is an error answer, and later a broken one."""
    assert visit.tenant is not None
    folder = visit.services.storage.folder(visit.tenant.name)

    async def produce(sink: Sink) -> None:
        has_begun = False
        try:
            async for piece in folder.read(row.file_id, part.start, part.stop):
                async with asyncio.timeout(STALL_SECONDS):
                    has_begun = True
                    await sink(piece)
        except (ServiceError, TimeoutError) as error:
            if not has_begun:
                raise
            log.warning("content_cut_short", attachment_id=str(row.id), reason=type(error).__name__)
            raise CutShortError from error

    return produce
