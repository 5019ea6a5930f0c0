"""Importing a library without what it would load for something that is not used here."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Hide packages while the block imports: to who looks for them there they are not installed. What is loaded already
    stays visible."""
    hidden = [name for name in names if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment] # the import statement's way to say no
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
