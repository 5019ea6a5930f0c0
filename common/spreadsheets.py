"""Text that spreadsheets may take for a formula (OWASP, CSV injection)."""

from __future__ import annotations

from typing import Final

# The full-width forms act like the plain ones in some spreadsheets.
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def defuse(text: str) -> str:
    """The text, behind one more apostrophe if a spreadsheet could take it for a formula, or already has any."""
    return f"'{text}" if text.lstrip("'").startswith(FORMULA_STARTS) else text


def restore(text: str) -> str:
    """The text as it was before ``defuse``."""
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(FORMULA_STARTS) else text
