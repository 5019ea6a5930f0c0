"""A connection whose transactions begin with their scope."""

from __future__ import annotations

from typing import Any

import asyncpg


class ScopedConnection(asyncpg.Connection):  # type: ignore[misc] # asyncpg ships no types
    """An asyncpg connection that sends a unit's ``SET LOCAL`` statements in the same message as ``BEGIN``.

    Sent apart they would cost a round trip each. asyncpg starts a transaction with ``execute("BEGIN ...;")``, a simple
    query without arguments, to which more statements may be appended.
    """

    opening: str | None = None

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:  # noqa: ASYNC109 - asyncpg's
        if self.opening is None or not query.startswith("BEGIN"):
            return str(await super().execute(query, *args, timeout=timeout))
        statements, self.opening = f"{query} {self.opening}", None
        try:
            return str(await super().execute(statements, timeout=timeout))
        except BaseException:
            # The transaction may be open, failed, or half scoped. Nobody may meet this connection again.
            self.terminate()
            raise
