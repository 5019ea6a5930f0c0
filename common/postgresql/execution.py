"""Statements on the driver itself: SQLAlchemy writes the SQL and keeps the pool, but does not execute, which takes it
longer than everything else in a short request (decision 37).

What is not a plain statement goes SQLAlchemy's own way, on the same connection and in the same transaction: several
sets of values at once, Python's defaults, savepoints, cursors, and whatever somebody listens to.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn, Self, cast

import asyncpg.protocol
from sqlalchemy import Connection, CursorResult, Executable, SelectBase, UpdateBase
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncResult
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.util import greenlet_spawn

from common.postgresql.connection import ScopedConnection

Values = Mapping[str, Any]
Parameters = Values | Sequence[Values] | None
Sink = Callable[[bytes], Awaitable[None]]
"""Takes the bytes of an export, piece by piece."""
NOTHING: Final[Values] = {}
FORM: Final = "form_for_the_driver"


class Rows(IteratorResult[Any]):
    """What a statement on the driver has found."""

    def __init__(self, columns: SimpleResultMetaData, found: Sequence[Any], rowcount: int) -> None:
        super().__init__(columns, iter(found))
        self.rowcount = rowcount
        """How many rows a statement found, or changed."""


Answer = Rows | CursorResult[Any]


class Written:
    """A statement that is written once, with a ``bindparam`` for whatever differs: neither its SQL nor the key to find
    its SQL by is made again."""

    def __init__(self, statement: Executable) -> None:
        self.statement = statement
        self._form: Form | None = None
        self._fixed: Values = NOTHING
        self._asked: frozenset[str] = frozenset()

    def on(self, connection: UnitConnection, values: Values) -> Filled:
        """The statement with these values. Raises TypeError without one that it asks for."""
        if self._form is None:
            compiled, *_ = connection.compile(self.statement, ())
            form = connection.form_of(compiled)
            assert form is not None, "a statement with something beside plain values cannot be written once"
            self._asked = frozenset(name for item, name in compiled.bind_names.items() if item.required)
            self._fixed = compiled.construct_params(_check=False, escape_names=False)
            self._form = form
        if not self._asked <= values.keys():
            raise TypeError(f"the statement also asks for {sorted(self._asked - values.keys())}")
        return self._form.fill({**self._fixed, **values})


@dataclass(frozen=True, slots=True)
class Filled:
    """A statement with its values."""

    form: Form
    sql: str
    arguments: Sequence[Any]


class Form:
    """A compiled statement as the driver takes it."""

    def __init__(self, compiled: SQLCompiler) -> None:
        self.sql = compiled.string
        self._compiled = compiled
        self._expands = bool(compiled.post_compile_params or compiled.literal_execute_params)
        self._names = tuple(compiled.positiontup or ())
        self._writers: Mapping[str, Any] = compiled._bind_processors
        self._columns = compiled._result_columns
        self._shape: SimpleResultMetaData | None = None

    def fill(self, values: Values) -> Filled:
        """The text and its values in their order, each as the driver takes its type."""
        sql, names, writers = self.sql, self._names, self._writers
        if self._expands:
            state = self._compiled._process_parameters_for_postcompile(dict(values))
            sql, names, values = state.statement, tuple(state.positiontup or ()), state.parameters
            writers = {**writers, **state.processors}
        return Filled(self, sql, [writers[name](values[name]) if name in writers else values[name] for name in names])

    def answer(self, cursor: Any) -> Rows:
        """What a cursor has found."""
        if self._shape is None:
            self._shape = self._shape_of(cursor.description or ())
        return Rows(self._shape, cursor._rows, cursor.rowcount)

    def _shape_of(self, description: Sequence[Sequence[Any]]) -> SimpleResultMetaData:
        """The columns' names, and what reads their values."""
        assert len(description) == len(self._columns), "PostgreSQL has the columns that the statement has"
        names = [column.keyname for column in self._columns]
        readers = [
            column.type._cached_result_processor(self._compiled.dialect, said[1])
            for column, said in zip(self._columns, description, strict=True)
        ]
        ambiguous = frozenset(name for name, number in Counter(names).items() if number > 1)
        return SimpleResultMetaData(
            names,
            extra=[column.objects for column in self._columns],
            _processors=readers if any(readers) else None,
            _ambiguous_keys=ambiguous or None,
        )


class UnitConnection:
    """A connection of the pool in the hand of one unit, whose transaction begins with its first statement."""

    def __init__(self, engine: AsyncEngine, pooled: PoolProxiedConnection) -> None:
        self._engine = engine
        self._dialect: Any = engine.dialect
        self._pooled = pooled
        self._adapter: Any = pooled.dbapi_connection
        self._general: AsyncConnection | None = None
        driver = pooled.driver_connection
        assert isinstance(driver, ScopedConnection)
        self.driver = driver
        """asyncpg's connection."""

    @classmethod
    async def take(cls, engine: AsyncEngine) -> Self:
        """One from the pool. Raises DBAPIError if it cannot be made, TimeoutError of the pool if none comes free."""
        dialect = engine.dialect
        try:
            return cls(engine, await engine.raw_connection())
        except dialect.loaded_dbapi.Error as error:
            lost = dialect.is_disconnect(cast("Any", error), None, None)
            base = cast("Any", dialect.loaded_dbapi.Error)
            raise DBAPIError.instance(None, None, error, base, connection_invalidated=lost, dialect=dialect) from error

    async def execute(self, statement: Executable | Written, parameters: Parameters = None) -> Answer:
        """Run one statement."""
        if isinstance(statement, Written):
            if self._is_plain_engine:
                return await self._run(statement.on(self, cast("Values", parameters or NOTHING)))
            statement = statement.statement
        prepared = self._fill(statement, parameters)
        return await (self._run(prepared) if prepared else self._run_generally(statement, parameters))

    async def stream(self, statement: Executable, *, batch: int) -> AsyncResult[Any]:
        """Run a SELECT whose rows are fetched ``batch`` at a time, from a cursor."""
        return await self.general().stream(statement, execution_options={"yield_per": batch})

    async def copy(self, sql: str, arguments: Sequence[Any], sink: Sink, **options: str | bool) -> str:
        """Have COPY write the rows of a query into ``sink``; answers its command tag, "COPY 42". It may
        take longer than any other statement: whoever exports watches the time."""
        # COPY takes no parameters: the server itself quotes them into the text.
        done: str = await self.driver.copy_from_query(
            sql, *arguments, output=sink, timeout=asyncpg.protocol.NO_TIMEOUT, **options
        )
        return done

    def general(self) -> AsyncConnection:
        """SQLAlchemy's own connection, in the same transaction."""
        if self._general is None:
            connection = Connection(self._engine.sync_engine, connection=self._pooled)
            connection.begin()
            self._general = AsyncConnection(self._engine, connection)
        return self._general

    async def commit(self) -> None:
        """End the transaction."""
        if self._general is not None:
            await self._general.commit()
            return
        try:
            await greenlet_spawn(self._adapter.commit)
        except BaseException as error:
            await self._fail(error, None)

    async def close(self) -> None:
        """Give the connection back, rolling back what was not committed."""
        is_idle = self._general is None and self._adapter._transaction is None and not self.driver.is_given_up
        if is_idle:  # nothing is waited for
            self._pooled.close()
        else:  # shielded: a cancelled request must still return its connection to the pool
            await asyncio.shield(self._end())

    async def _end(self) -> None:
        if self.driver.is_given_up:  # nobody waits for the answer to a ROLLBACK
            self.driver.terminate()
            await self.general().invalidate()
        if self._general is not None:
            await self._general.close()
        else:
            await greenlet_spawn(self._pooled.close)

    def compile(self, statement: Executable, names: Sequence[str]) -> Any:
        """A statement with the values it has itself, from SQLAlchemy's cache."""
        return cast("Any", statement)._compile_w_cache(
            dialect=self._dialect,
            compiled_cache=self._engine.sync_engine._compiled_cache,
            column_keys=sorted(names),
        )

    @staticmethod
    def form_of(compiled: SQLCompiler) -> Form | None:
        """How the driver takes it; None if more is to be done than to send values and read rows."""
        kept = vars(compiled)  # it goes when SQLAlchemy's cache drops the compiled statement
        if FORM not in kept:
            special = (
                compiled.insert_prefetch
                or compiled.update_prefetch
                or compiled.implicit_returning
                or compiled._textual_ordered_columns
                or not (compiled._ordered_columns or not compiled._result_columns)
            )
            kept[FORM] = None if special else Form(compiled)
        form: Form | None = kept[FORM]
        return form

    @property
    def _is_plain_engine(self) -> bool:
        """Whether nobody listens to its statements, who would not hear of those on the driver."""
        engine = self._engine.sync_engine
        return not (engine._has_events or engine.echo)

    def _fill(self, statement: Executable, parameters: Parameters) -> Filled | None:
        single = parameters is None or isinstance(parameters, Mapping)
        if not (single and isinstance(statement, SelectBase | UpdateBase) and self._is_plain_engine):
            return None
        values = cast("Values", parameters or NOTHING)
        compiled, extracted, collected, _ = self.compile(statement, tuple(values))
        form = self.form_of(compiled)
        if form is None:
            return None
        every = compiled.construct_params(
            values, extracted_parameters=extracted, escape_names=False, _collected_params=collected
        )
        return form.fill(every)

    async def _run_generally(self, statement: Executable, parameters: Parameters) -> Answer:
        return await self.general().execute(statement, parameters)

    async def _run(self, filled: Filled) -> Rows:
        cursor = self._adapter.cursor()
        cursor._invalidate_schema_cache_asof = self._dialect._invalidate_schema_cache_asof
        try:
            await cursor._prepare_and_execute(filled.sql, filled.arguments)
        except BaseException as error:
            await self._fail(error, filled.sql)
        return filled.form.answer(cursor)

    async def _fail(self, error: BaseException, sql: str | None) -> NoReturn:
        """Do with the connection what SQLAlchemy does after such an error, and raise what it raises."""
        dbapi = self._dialect.dbapi
        if isinstance(error, dbapi.InvalidCachedStatementError | dbapi.InternalServerError):
            self._dialect._invalidate_schema_cache()
        connection: Any = self.general().sync_connection
        said = sql if isinstance(error, dbapi.Error) else None  # it wraps whatever has a statement

        def handle() -> None:
            try:
                raise error
            except BaseException as raised:
                connection._handle_dbapi_exception(raised, said, None, None, None)

        await greenlet_spawn(handle)
        raise AssertionError from error  # it always raises
