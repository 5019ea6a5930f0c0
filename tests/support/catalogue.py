"""What PostgreSQL's catalogues say: what exists on the server, and what a schema is made of."""

from __future__ import annotations

import re
from typing import Final

import asyncpg

from common.config import Config
from tests.support.apps import connect

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
    "rights": f"""
        SELECT format('%s: %s to %s', object, privilege_type, grantee::regrole) FROM (
            SELECT nspname AS object, nspacl AS acl FROM pg_namespace WHERE oid = {_OF_SCHEMA}
            UNION ALL SELECT relname, relacl FROM pg_class WHERE relnamespace = {_OF_SCHEMA}
            UNION ALL SELECT proname, proacl FROM pg_proc WHERE pronamespace = {_OF_SCHEMA}
        ) AS objects, aclexplode(acl)""",
}

Description = dict[str, set[str]]
"""For each kind of object a line for each one, in which the schema's name is written as ``SCHEMA``."""


async def everything_there_is(config: Config) -> set[tuple[str, str]]:
    """Every schema, role and registered tenant of a prepared database."""
    async with connect(config.owner_url) as owner:
        found = await owner.fetch(
            "SELECT 'schema', nspname FROM pg_namespace UNION ALL SELECT 'role', rolname FROM pg_roles "
            "UNION ALL SELECT 'tenant', id FROM system.tenants"
        )
        return {(kind, name) for kind, name in found}


def unordered(description: Description) -> Description:
    """The same without the places of the columns: what a later revision adds stands behind, wherever the model has it.
    Nothing depends on them; SELECT, INSERT and COPY list their columns."""
    columns = {re.sub(r"^(\S+) \d+ ", r"\1 ", line) for line in description["columns"]}
    return description | {"columns": columns}


async def describe(connection: asyncpg.Connection, schema: str) -> Description:
    """Everything a schema consists of. Two schemas are alike if their descriptions are equal."""
    await connection.execute("SET search_path TO ''")  # names come out qualified
    return {
        kind: {line.replace(schema, "SCHEMA") for (line,) in await connection.fetch(query, schema)}
        for kind, query in _QUERIES.items()
    }
