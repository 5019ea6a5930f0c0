"""Errors as OFREP clients read them: whatever fails below ``/ofrep/``, guards and the framework included."""

from __future__ import annotations

from typing import Final

PREFIX: Final = "/ofrep/"
EVALUATE: Final = "/ofrep/v1/evaluate/flags/"
CODES: Final = frozenset({"PARSE_ERROR", "INVALID_CONTEXT", "TARGETING_KEY_MISSING", "FLAG_NOT_FOUND"})


def describe_failure(path: str, status: int, code: str, detail: str) -> tuple[int, dict[str, str]]:
    """Status and body. Clients look into those of 400, 404 and 500 only, so what is 422 elsewhere is 400 here; they
    index ``errorDetails``, so it is never left out."""
    body = {"errorCode": code.upper() if code.upper() in CODES else "GENERAL", "errorDetails": detail}
    if path.startswith(EVALUATE):
        body = {"key": path.removeprefix(EVALUATE), **body}
    return 400 if status == 422 else status, body
