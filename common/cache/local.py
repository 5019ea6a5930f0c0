"""A bounded cache in this process whose entries live for a moment: what another process changes is seen soon after."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class LocalCache(Generic[Key, Value]):
    """At most ``size`` entries, the least recently used dropped first, each for at most ``seconds``."""

    def __init__(self, *, seconds: float, size: int) -> None:
        self._seconds = seconds
        self._size = size
        self._entries: OrderedDict[Key, tuple[float, Value]] = OrderedDict()
        self._drops = 0

    async def get(self, key: Key, load: Callable[[], Awaitable[Value]]) -> Value:
        """The value of ``key``, loaded if need be.

        Its age counts from before the load began, and a load during which anything was dropped is not kept: it may
        have read what was true before. None, "there is no such thing", is never kept: it may be about to be made.
        """
        started, drops = time.monotonic(), self._drops
        entry = self._entries.get(key)
        if entry is not None and entry[0] > started:
            self._entries.move_to_end(key)
            return entry[1]
        value = await load()
        if drops == self._drops and value is not None:
            self._entries[key] = (started + self._seconds, value)
            self._entries.move_to_end(key)
            if len(self._entries) > self._size:
                self._entries.popitem(last=False)
        return value

    def drop(self, key: Key) -> None:
        """Forget ``key`` now."""
        self._drops += 1
        self._entries.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        self._drops += 1
        self._entries.clear()
