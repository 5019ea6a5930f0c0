"""Writing all users into a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import Any, Final

from common.audit import Change, Target
from common.spreadsheets import defuse
from database import WriteUnit
from shared_models import rfc3339
from users.transfers import queries

IN_MEMORY: Final = 1_048_576  # bytes; what is larger goes to the disk
CHUNK: Final = 65_536  # characters


async def export_users(unit: WriteUnit) -> SpooledTemporaryFile[str]:
    """A file with every living user, read in one snapshot, in constant memory; deleted when it is closed.

    Written before the first byte is sent: a slow reader then keeps neither a connection nor a transaction, and what
    fails is an error answer, not half a file.
    """
    file: SpooledTemporaryFile[str] = SpooledTemporaryFile(IN_MEMORY, "w+", encoding="utf-8", newline="")  # noqa: SIM115 - closed by who reads it
    try:
        users = await queries.stream_users(unit)
        writer = csv.writer(file)
        writer.writerow(users.keys())
        written = 0
        async for rows in users.partitions():
            writer.writerows([_cell(value) for value in row] for row in rows)
            written += len(rows)
        unit.audit("users.exported", target=Target("users", "csv"), changes=[Change("rows", None, written)])
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def chunks(file: SpooledTemporaryFile[str]) -> Iterator[str]:
    """The file's text, piece by piece."""
    with file:
        while chunk := file.read(CHUNK):
            yield chunk


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return defuse(rfc3339(value) if isinstance(value, datetime) else str(value))
