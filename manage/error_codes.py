"""``docs/errors.md``: every code that an error answer can have, made from the errors themselves.

Run as ``python -m manage.error_codes PATH``, a process of its own: the commands need not load the web framework.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from common.errors import ServiceError
from common.http.problems import FRAMEWORK_CODES, OWN_CODES, status_of

HEADER: Final = """\
# Error codes

An error is a problem document (RFC 9457, `application/problem+json`) with `type`, `title`, `status`, `detail`,
`instance`, `code` and `request_id`. Clients switch on `code`, which is stable; `detail` is a sentence for people and
may change. With 422 there are `errors` too: `[{"pointer": "/body/email", "code": "...", "message": "..."}]`, each with
an RFC 6901 pointer and a finer code. 401 comes with `WWW-Authenticate`, 405 with `Allow`, 429 and 503 with
`Retry-After`. OFREP answers in its own form, see [feature-flags.md](feature-flags.md). This page is written by
`make error-codes`.

| status | code | what it says, unless it can say it more exactly |
|---|---|---|
"""


def render_error_codes() -> str:
    """The whole page."""
    rows = sorted({(status, code): detail for status, code, detail in _found()}.items())
    return HEADER + "".join(f"| {status} | `{code}` | {detail} |\n" for (status, code), detail in rows)


def _found() -> Iterator[tuple[int, str, str]]:
    framework = {status: [meaning] for status, meaning in FRAMEWORK_CODES.items()}
    for status, meanings in (*framework.items(), *OWN_CODES.items()):
        yield from ((status, code, detail) for code, detail in meanings)
    for kind in _below(ServiceError):
        yield status_of(kind), kind.code, kind.default_detail


def _below(kind: type[ServiceError]) -> Iterator[type[ServiceError]]:
    for branch in kind.__subclasses__():
        yield branch
        yield from _below(branch)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render_error_codes(), encoding="utf-8")
