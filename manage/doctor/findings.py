"""What the doctor says of one thing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from shared_models import Shape

Severity = Literal["ok", "warning", "error"]
SHOWN: Final = 10  # of many of a kind: the first so many by name


class Finding(Shape):
    """One thing that was looked at. ``mend`` is what to do, empty where nothing is."""

    severity: Severity
    about: str
    what: str
    mend: str = ""


def ok(about: str, what: str) -> Finding:
    """All is well."""
    return Finding(severity="ok", about=about, what=what)


def warning(about: str, what: str, mend: str) -> Finding:
    """It works, and should not stay so."""
    return Finding(severity="warning", about=about, what=what, mend=mend)


def error(about: str, what: str, mend: str) -> Finding:
    """Something does not work, or is not safe."""
    return Finding(severity="error", about=about, what=what, mend=mend)


def some(names: Sequence[str]) -> str:
    """The first of them, and how many more."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
