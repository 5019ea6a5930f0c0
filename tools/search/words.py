"""What somebody typed into a search box, as words for PostgreSQL."""

from __future__ import annotations

from typing import Final

MAX_WORDS: Final = 8  # more make a search no better and its query long


def split_words(text: str) -> list[str]:
    """The words of a search, each once. What has neither letter nor digit is no word."""
    words = dict.fromkeys(part for part in text.split() if any(character.isalnum() for character in part))
    return list(words)[:MAX_WORDS]


def as_whole(word: str) -> str:
    """A word in the form that ``to_tsquery`` takes, whatever characters it has."""
    quoted = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{quoted}'"


def as_prefix(word: str) -> str:
    """The same for anything that begins so."""
    return f"{as_whole(word)}:*"
