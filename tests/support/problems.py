"""What every error answer looks like (RFC 9457), checked in one place."""

from __future__ import annotations

import re
from typing import Any, Final

import httpx

KEYS: Final = {"type", "title", "status", "detail", "instance", "code", "request_id"}
# What would tell an outsider how the service is built: tracebacks, SQL, files, libraries, the schema.
INSIDE: Final = re.compile(
    r"Traceback|SELECT |INSERT |sqlalchemy|asyncpg|\.py\b|site-packages|column |relation |<class", re.I
)


def problem_of(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The body of an error answer, after checking all that such answers have in common."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body.keys() == (KEYS | {"errors"} if status == 422 else KEYS)
    assert (body["status"], body["code"], body["type"]) == (status, code, "about:blank")
    assert body["request_id"] == answer.headers["X-Request-ID"]
    assert body["instance"].startswith("/")
    assert body["instance"].isascii()
    assert INSIDE.search(answer.text) is None
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    assert ("Retry-After" in answer.headers) == (status in {429, 503} or code == "idempotency_in_flight")
    for error in body.get("errors", []):
        assert error.keys() == {"pointer", "code", "message"}
        assert error["pointer"].startswith(("/body", "/query", "/path", "/header"))
    return body
