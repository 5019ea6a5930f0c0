"""Faults of a document, each with its pointer, and what any JSON must be to be stored."""

from __future__ import annotations

import json
import math
from typing import Any, Final

from common.errors import Fault, FlagsInvalid
from common.http.problems import write_pointer

Path = tuple[int | str, ...]

MAX_FAULTS: Final = 100  # enough to see what is wrong; more would only be a longer list
MAX_JSON_DEPTH: Final = 32
MAX_INTEGER: Final = 2**63


class Faults:
    """What is wrong, collected, so that one answer names all of it."""

    def __init__(self) -> None:
        self._found: list[Fault] = []

    def add(self, path: Path, code: str, message: str) -> None:
        """Note one fault."""
        if len(self._found) < MAX_FAULTS:
            self._found.append(Fault(write_pointer(path), code, message))

    @property
    def count(self) -> int:
        """How many there are so far."""
        return len(self._found)

    def raise_if_any(self) -> None:
        """Raise FlagsInvalid with all of them."""
        if self._found:
            raise FlagsInvalid(self._found)


def check_json(value: Any, path: Path, faults: Faults, depth: int = 1) -> None:
    """Whether PostgreSQL can store a value, and every client read it again."""
    if depth > MAX_JSON_DEPTH:
        faults.add(path, "too_deep", f"It is nested deeper than {MAX_JSON_DEPTH}.")
    elif isinstance(value, dict):
        for name, part in value.items():
            _check_text(name, path, faults)
            check_json(part, (*path, name), faults, depth + 1)
    elif isinstance(value, list):
        for n, part in enumerate(value):
            check_json(part, (*path, n), faults, depth + 1)
    elif isinstance(value, str):
        _check_text(value, path, faults)
    elif isinstance(value, float) and not math.isfinite(value):
        faults.add(path, "not_finite", "The number is too large, or none.")
    elif isinstance(value, int) and not -MAX_INTEGER <= value < MAX_INTEGER:
        faults.add(path, "not_finite", "The integer needs more than 64 bits.")


def size_of(value: Any) -> int:
    """The bytes of a value as compact JSON."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def _check_text(text: str, path: Path, faults: Faults) -> None:
    if "\0" in text or not _is_unicode(text):
        faults.add(path, "unstorable_text", "The text has characters that no text may have.")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
