"""Answers that are written once, for as long as what they tell of stays the same.

What is cached comes out of the cache as the same object until it changes. An answer made of such objects needs not be
written again while it would be made of these.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable


class Rendered:
    """At most ``size`` answers, the least recently used dropped first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[Hashable, tuple[tuple[object, ...], bytes]] = OrderedDict()

    def get(self, key: Hashable, sources: tuple[object, ...], write: Callable[[], bytes]) -> bytes:
        """The answer by this key, if it was made of these very objects; else it is written now."""
        kept = self._kept.get(key)
        if kept is not None and all(map(_is_same, kept[0], sources)):
            self._kept.move_to_end(key)
            return kept[1]
        body = write()
        self._kept[key] = (sources, body)
        self._kept.move_to_end(key)
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)
        return body


def _is_same(one: object, other: object) -> bool:
    return one is other
