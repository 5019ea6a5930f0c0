"""Whether a tenant's schema is what the migrations make: both described from PostgreSQL's catalogue and compared."""

from __future__ import annotations

import re
from typing import Final

import asyncpg

from database import quote_identifier
from migrations.tenant import rights_sql, schema_sql

_OF_SCHEMA: Final = "(SELECT oid FROM pg_namespace WHERE nspname = $1)"
_QUERIES: Final = {
    "columns": f"""
        SELECT format('%s.%s %s %s null=%s default=%s', relname, attname, attnum, format_type(atttypid, atttypmod),
                      NOT attnotnull, pg_get_expr(adbin, adrelid))
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE relnamespace = {_OF_SCHEMA} AND relkind = 'r' AND attnum > 0 AND NOT attisdropped""",
    "constraints": f"""
        SELECT format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE connamespace = {_OF_SCHEMA} AND contype <> 'n'""",
    "indexes": f"""
        SELECT pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class ON oid = indexrelid
        WHERE relnamespace = {_OF_SCHEMA}""",
    "functions": f"SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = {_OF_SCHEMA}",
    "triggers": f"""
        SELECT pg_get_triggerdef(pg_trigger.oid) FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
        WHERE relnamespace = {_OF_SCHEMA} AND NOT tgisinternal""",
    "others": f"""
        SELECT format('%s %s', relkind, relname) FROM pg_class
        WHERE relnamespace = {_OF_SCHEMA} AND relkind NOT IN ('r', 'i')
        UNION ALL SELECT typname FROM pg_type WHERE typnamespace = {_OF_SCHEMA} AND typtype IN ('d', 'e', 'r')""",
    # The owner's own rights may be written down or not: pg_dump and pg_restore leave out what is the default.
    "rights": f"""
        SELECT format('%s: %s to %s', object, privilege_type, grantee::regrole) FROM (
            SELECT nspname AS object, coalesce(nspacl, acldefault('n', nspowner)) AS acl
            FROM pg_namespace WHERE oid = {_OF_SCHEMA}
            UNION ALL SELECT relname,
                coalesce(relacl, acldefault((CASE relkind WHEN 'S' THEN 's' ELSE 'r' END)::"char", relowner))
            FROM pg_class WHERE relnamespace = {_OF_SCHEMA} AND relkind <> 'i'
            UNION ALL SELECT proname, coalesce(proacl, acldefault('f', proowner))
            FROM pg_proc WHERE pronamespace = {_OF_SCHEMA}
        ) AS objects, aclexplode(acl)""",
}
# Made and taken back in one transaction. No tenant can have its name: a tenant's id begins with no underscore.
_REFERENCE: Final = "tenant__reference"

Description = dict[str, set[str]]
"""For each kind of object a line for each one, in which the schema's name is written as ``SCHEMA``."""


async def describe(connection: asyncpg.Connection, schema: str) -> Description:
    """Everything a schema consists of. Two schemas are alike if their descriptions are equal."""
    own = re.compile(rf"\b{re.escape(schema)}\b")
    async with connection.transaction():
        await connection.execute("SET LOCAL search_path TO ''")  # names come out qualified
        return {
            kind: {own.sub("SCHEMA", line) for (line,) in await connection.fetch(query, schema)}
            for kind, query in _QUERIES.items()
        }


def unordered(description: Description) -> Description:
    """The same without the places of the columns: what a later revision adds stands behind, wherever the model has it.
    Nothing depends on them; SELECT, INSERT and COPY list their columns."""
    columns = {re.sub(r"^(\S+) \d+ ", r"\1 ", line) for line in description["columns"]}
    return description | {"columns": columns}


async def describe_reference(connection: asyncpg.Connection) -> Description:
    """What the newest revision makes of an empty schema, which is built on this server and taken back."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        quoted = quote_identifier(_REFERENCE)
        await connection.execute(f"CREATE ROLE {quoted} NOLOGIN; CREATE SCHEMA {quoted}")
        await connection.execute(f"SET LOCAL search_path TO {quoted}, pg_temp")
        await connection.execute(schema_sql())
        await connection.execute(rights_sql(_REFERENCE, _REFERENCE))
        return unordered(await describe(connection, _REFERENCE))
    finally:
        await transaction.rollback()


async def find_drift(connection: asyncpg.Connection, schema: str, reference: Description) -> list[str]:
    """What a schema has beside the reference, ``+ ...``, and what it lacks, ``- ...``: one line for each object."""
    found = unordered(await describe(connection, schema))
    lines = [f"+ {line}" for kind in _QUERIES for line in sorted(found[kind] - reference[kind])]
    lines += [f"- {line}" for kind in _QUERIES for line in sorted(reference[kind] - found[kind])]
    return [re.sub(r"\s+", " ", line) for line in lines]
