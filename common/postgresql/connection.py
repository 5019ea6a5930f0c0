"""A connection whose transactions begin with their scope."""

from __future__ import annotations

import secrets
from typing import Any, ClassVar

import asyncpg


class ScopedConnection(asyncpg.Connection):  # type: ignore[misc] # asyncpg ships no types
    """An asyncpg connection that sends a unit's ``SET LOCAL`` statements in the same message as ``BEGIN``.

    Sent apart they would cost a round trip each. asyncpg starts a transaction with ``execute("BEGIN ...;")``, a simple
    query without arguments, to which more statements may be appended.
    """

    opening: str | None = None
    newest_mark: ClassVar[str] = ""
    """What statements prepared from now on carry in their text. A table has changed under those that
    were prepared before, and PgBouncer would take a text it knows for the statement it knows, which PostgreSQL refuses.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._mark = ScopedConnection.newest_mark
        self.schemas: set[str] = set()  # whose transactions there were

    def open_with(self, schema: str, opening: str) -> None:
        """Have the next transaction begin with these statements, which make it one of this schema."""
        self.schemas.add(schema)
        self.opening = opening

    async def prepare(self, query: str, **options: Any) -> Any:
        """Prepare a statement, anew if a table has changed."""
        return await super().prepare(query + self._mark, **options)

    async def reload_schema_state(self) -> None:
        """Prepare nothing by the texts of before any more: SQLAlchemy calls this once for each connection when a
        statement was refused for a changed table."""
        await super().reload_schema_state()
        if self._mark == ScopedConnection.newest_mark:
            ScopedConnection.newest_mark = f" /* {secrets.token_hex(4)} */"
        self._mark = ScopedConnection.newest_mark

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


class UnpreparedConnection(ScopedConnection):
    """One that leaves no prepared statement behind: behind an old PgBouncer the next transaction may be on another
    server connection, and what is prepared on this one would be in somebody else's way."""

    async def prepare(self, query: str, **options: Any) -> Any:
        """Prepare a statement without a name, which the next one replaces."""
        return await super().prepare(query, **{**options, "name": ""})
