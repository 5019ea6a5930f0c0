"""Another PostgreSQL as a source: the mapping's queries, in one read-only transaction that sees one moment."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg

from common.postgresql.errors import DRIVER_ERRORS
from manage.loading.mapping import Queries
from manage.loading.rows import Row
from manage.problems import CommandError

PREFETCH: Final = 500  # rows of the cursor that are held in memory
INTEGERS: Final = frozenset({"int2", "int4", "int8"})


class Database:
    """The source. Made by ``reading``."""

    def __init__(self, connection: Any, queries: Queries, contents: Path | None) -> None:
        self._connection = connection
        self._queries = queries
        self.contents = contents

    def place(self, kind: str) -> str | None:
        """What the mapping calls it."""
        return f"[{kind}]" if kind in self._queries.queries else None

    async def count(self, kind: str) -> int:
        """How many rows there are."""
        counting = f"SELECT count(*) FROM (\n{self._queries.queries[kind]}\n) AS counted"  # noqa: S608 - the operator's own, read-only
        statement, arguments = await self._prepare(kind, counting)
        try:
            return int(await statement.fetchval(*arguments))
        except DRIVER_ERRORS as error:
            raise _failing(kind, error) from None

    async def rows(self, kind: str) -> AsyncIterator[Row]:
        """The rows, from a cursor of the server."""
        statement, arguments = await self._prepare(kind, self._queries.queries[kind])
        number = 0
        try:
            async for record in statement.cursor(*arguments, prefetch=PREFETCH):
                number += 1
                yield Row(number, {name: _plain(value) for name, value in record.items() if value is not None})
        except DRIVER_ERRORS as error:
            raise _failing(kind, error) from None

    async def _prepare(self, kind: str, query: str) -> tuple[Any, list[Any]]:
        try:
            statement = await self._connection.prepare(query)
            parameters = statement.get_parameters()
            if len(parameters) > 1:
                raise CommandError(f"The query of [{kind}] may have one parameter, $1: the tenant over there.")
            return statement, [self._tenant(parameter.name) for parameter in parameters]
        except DRIVER_ERRORS as error:
            raise CommandError(f"The query of [{kind}] is refused: {error}.") from None

    def _tenant(self, kind: str) -> Any:
        tenant = self._queries.tenant
        if tenant is None:
            raise CommandError("A query asks for $1: say which tenant it is over there, with --source-tenant.")
        return int(tenant) if kind in INTEGERS and tenant.lstrip("-").isdecimal() else tenant


@asynccontextmanager
async def reading(url: str, queries: Queries, contents: Path | None) -> AsyncIterator[Database]:
    """The source, for as long as its transaction lasts. Raises CommandError."""
    try:
        connection = await asyncpg.connect(url)
    except (*DRIVER_ERRORS, ValueError) as error:
        raise CommandError(f"The source cannot be reached: {error}.") from None
    try:
        for name in ("json", "jsonb"):
            await connection.set_type_codec(name, encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            yield Database(connection, queries, contents)
    finally:
        await connection.close()


def _failing(kind: str, error: Exception) -> CommandError:
    return CommandError(f"The query of [{kind}] fails: {error}.")


def _plain(value: Any) -> Any:
    """A value as a file would have it; times stay, as they say their zone or lack it."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Decimal):
        return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
