"""``Range`` and ``If-Range`` (RFC 9110 section 14): which part of a file is asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from common.errors import RangeNotSatisfiable

_ONE_RANGE: Final = re.compile(r"bytes[ \t]*=[ \t]*(\d{0,19})-(\d{0,19})[ \t]*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes from ``start`` up to ``stop``, of ``size`` in all."""

    start: int
    stop: int
    size: int
    is_whole: bool

    @property
    def headers(self) -> dict[str, str]:
        """What tells the client which part it gets."""
        length = {"Accept-Ranges": "bytes", "Content-Length": str(self.stop - self.start)}
        return (
            length if self.is_whole else {**length, "Content-Range": f"bytes {self.start}-{self.stop - 1}/{self.size}"}
        )


def choose_part(size: int, etag: str, wanted: str | None, if_range: str | None) -> Part:
    """One range, or all of the file: also for several ranges, whose overlap may cost any multiple of the file, for a
    form that is none, and for a range of another version. Raises RangeNotSatisfiable."""
    whole = Part(0, size, size, is_whole=True)
    found = _ONE_RANGE.fullmatch(wanted.strip()) if wanted else None
    if found is None or if_range not in {None, etag}:
        return whole
    first, last = found.groups()
    if not first and not last:
        return whole
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < int(first):
            return whole
    if start >= stop:
        raise RangeNotSatisfiable
    return Part(start, stop, size, is_whole=False)
