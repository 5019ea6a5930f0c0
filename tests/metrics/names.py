"""Names of metrics: those that a page of metrics has, and those that an expression of PromQL asks for."""

from __future__ import annotations

import re
from typing import Final

_QUOTED: Final = re.compile(r'"[^"]*"')
_BRACES: Final = re.compile(r"\{[^}]*\}|\[[^\]]*\]")
_GROUPED: Final = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_NAME: Final = re.compile(r"(?<![\w.$])[a-zA-Z_:][\w:]*(?!\w)(?!\s*\()")
_WORDS: Final = {"and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring"}


def asked_for(expression: str) -> set[str]:
    """What an expression reads: every name that is neither a function, nor a label, nor a word of the language."""
    bare = _GROUPED.sub(" ", _BRACES.sub(" ", _QUOTED.sub('""', expression)))
    return set(_NAME.findall(bare)) - _WORDS


def labels_of(expression: str) -> set[str]:
    """The labels that an expression selects or groups by."""
    selected = re.findall(r"[{,]\s*(\w+)\s*(?:=~|!~|!=|=)", expression)
    grouped = [name.strip() for names in re.findall(r"\bby\s*\(([^)]*)\)", expression) for name in names.split(",")]
    return {*selected, *grouped}
