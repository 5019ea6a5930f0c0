"""What a source of records is: rows of each kind, in order, each with its number."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a file or a row of a query; ``fault`` says why there are no values."""

    number: int
    values: Mapping[str, Any]
    fault: str | None = None


class Source(Protocol):
    """Where records come from."""

    contents: Path | None  # the folder of what is attached

    def place(self, kind: str) -> str | None:
        """What a person calls the place where records of a kind are; None where there are none."""

    async def count(self, kind: str) -> int:
        """How many there are."""

    def rows(self, kind: str) -> AsyncIterator[Row]:
        """All of them, from the first on."""
