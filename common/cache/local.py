"""A bounded cache in this process whose entries live for a moment: what another process changes is seen soon after."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Final, Generic, TypeVar

# The longest that one process may believe what another has changed: revocation acts within a second.
MOMENT_SECONDS: Final = 0.75
# Of it, how long somebody may be believed to be let in still (``serving.admissions``). What an admission is made of
# lives for the rest, so that the two together are never older.
ADMISSION_SECONDS: Final = 0.25
ADMITTING_SECONDS: Final = MOMENT_SECONDS - ADMISSION_SECONDS

Value = TypeVar("Value")


class LocalCache(Generic[Value]):
    """Values by bucket and field: at most ``size``, the least recently used dropped first, each for some seconds.

    ``drops`` counts what was forgotten on purpose. A load that began at another count may have read what was true
    before, and must not be kept.
    """

    def __init__(self, *, seconds: float, size: int) -> None:
        self._seconds = seconds
        self._size = size
        self._entries: OrderedDict[tuple[str, str], tuple[float, Value]] = OrderedDict()
        self._fields: dict[str, set[str]] = {}  # by bucket: a message about one tenant need not look at all of them
        self.drops = 0

    def get(self, bucket: str, field: str) -> Value | None:
        """A value that is still fresh."""
        key = (bucket, field)
        entry = self._entries.get(key)
        if entry is None or entry[0] <= time.monotonic():
            return None
        self._entries.move_to_end(key)
        return entry[1]

    def put(self, bucket: str, field: str, value: Value, *, read_at: float) -> None:
        """Keep a value; its age counts from ``read_at`` (monotonic), before it was read."""
        self._entries[bucket, field] = (read_at + self._seconds, value)
        self._entries.move_to_end((bucket, field))
        self._fields.setdefault(bucket, set()).add(field)
        if len(self._entries) > self._size:
            self._forget(*next(iter(self._entries)))

    def drop(self, bucket: str, field: str | None) -> None:
        """Forget one value, or the whole bucket."""
        self.drops += 1
        for one in [field] if field is not None else list(self._fields.get(bucket, ())):
            self._forget(bucket, one)

    def clear(self) -> None:
        """Forget everything."""
        self.drops += 1
        self._entries.clear()
        self._fields.clear()

    def _forget(self, bucket: str, field: str) -> None:
        if self._entries.pop((bucket, field), None) is None:
            return
        fields = self._fields[bucket]
        fields.discard(field)
        if not fields:
            del self._fields[bucket]
