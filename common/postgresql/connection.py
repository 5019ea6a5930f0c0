"""A connection whose transactions begin with their scope."""

from __future__ import annotations

import secrets
from typing import Any, ClassVar, Final

import asyncpg
from asyncpg.transaction import Transaction

PATIENCE: Final = 1.0  # seconds by which this side lets the server's statement_timeout go first
CLOSE_SECONDS: Final = 0.25  # a server that lives closes a connection within a millisecond or two
PROOF_SECONDS: Final = 1.0  # a replica that takes longer to begin a transaction is asked nothing


class Behind(Exception):
    """The proof of a transaction has found nothing."""


class ScopedConnection(asyncpg.Connection):  # type: ignore[misc] # asyncpg ships no types
    """An asyncpg connection that sends a unit's ``SET LOCAL`` statements in the same message as ``BEGIN``.

    Sent apart they would cost a round trip each. asyncpg starts a transaction with ``execute("BEGIN ...;")``, a simple
    query without arguments, to which more statements may be appended.

    The last of them may be a ``proof``, a SELECT that finds a row if the server has what is to be seen. Its command tag
    ("SELECT 0") says whether it has, so that costs no round trip either.
    """

    _config: Any  # asyncpg's, of this one connection
    opening: str | None = None
    proof: str | None = None
    is_behind = False
    is_given_up = False
    """Whether a statement took longer than its caller waits. asyncpg sends nothing more, not even ROLLBACK, until the
    server has confirmed that it was cancelled, which a frozen one never does."""
    newest_mark: ClassVar[str] = ""
    """What statements prepared from now on carry in their text. A table has changed under those that
    were prepared before, and PgBouncer would take a text it knows for the statement it knows, which PostgreSQL refuses.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._mark = ScopedConnection.newest_mark
        self.schema = ""  # whose transaction there is
        self.schemas: set[str] = set()  # whose there were

    def open_with(self, schema: str, opening: str, proof: str | None = None) -> None:
        """Have the next transaction begin with these statements, which make it one of this schema; on a replica, only
        if its proof finds a row."""
        self.schema = schema
        self.schemas.add(schema)
        self.opening, self.proof = opening, proof

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
        if self.proof is not None:
            statements, timeout = f"{statements}; {self.proof}", PROOF_SECONDS
        try:
            status = str(await super().execute(statements, timeout=timeout))
        except BaseException:
            # The transaction may be open, failed, or half scoped. Nobody may meet this connection again.
            self.terminate()
            raise
        self.is_behind = self.proof is not None and status == "SELECT 0"
        return status

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncpg's
        """Say good-bye, also to a statement that is cancelled, but wait no longer for the server's than for one that
        answers: a frozen one never does."""
        await super().close(timeout=CLOSE_SECONDS if timeout is None else min(timeout, CLOSE_SECONDS))

    def answer_within(self, seconds: float) -> None:
        """How long each of the next statements may take by this side's clock: a frozen server's own does not go."""
        if self._config.command_timeout != seconds:
            self._config = self._config._replace(command_timeout=seconds)

    def _cancel_current_command(self, *args: Any) -> None:
        self.is_given_up = True
        super()._cancel_current_command(*args)

    def transaction(self, **options: Any) -> Transaction:
        """A transaction, which does not begin where its proof fails."""
        if self.proof is None:
            return super().transaction(**options)
        return _ProvenTransaction(self, **options)


class _ProvenTransaction(Transaction):  # type: ignore[misc] # asyncpg ships no types
    def __init__(
        self,
        connection: ScopedConnection,
        isolation: str | None = None,
        readonly: bool = False,
        deferrable: bool = False,
    ) -> None:
        super().__init__(connection, isolation, readonly, deferrable)
        self._scoped = connection

    async def start(self) -> None:
        """Begin, or leave no trace and raise Behind."""
        await super().start()
        if self._scoped.is_behind:
            await self.rollback()
            raise Behind


class UnpreparedConnection(ScopedConnection):
    """One that leaves no prepared statement behind: behind an old PgBouncer the next transaction may be on another
    server connection, and what is prepared on this one would be in somebody else's way."""

    async def prepare(self, query: str, **options: Any) -> Any:
        """Prepare a statement without a name, which the next one replaces."""
        return await super().prepare(query, **{**options, "name": ""})
