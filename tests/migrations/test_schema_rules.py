"""Rules that every table of every tenant keeps, read from the catalogue of a real one."""

from __future__ import annotations

from typing import Final

import asyncpg

from tests.migrations.catalogue import names

# Foreign keys without an index. All point to users, who are deleted softly: PostgreSQL never has to search for what
# points to a row that goes away.
UNINDEXED: Final = {
    "fk_feature_flags_updated_by",
    "fk_settings_updated_by",
    "fk_user_permissions_granted_by",
    "fk_user_roles_granted_by",
}
# Text without a limit: made by the service itself, never by a caller.
UNBOUNDED: Final = {"users.password_hash"}


async def test_there_are_no_types_of_our_own(owner: asyncpg.Connection) -> None:
    """ENUM and domain types have an oid per schema, so no prepared statement could serve two tenants."""
    types = "SELECT typname FROM pg_type WHERE typnamespace = $1 AND typtype NOT IN ('c', 'b')"
    foreign = """
        SELECT format('%s.%s', relname, attname) FROM pg_attribute
        JOIN pg_class ON pg_class.oid = attrelid JOIN pg_type ON pg_type.oid = atttypid
        WHERE relnamespace = $1 AND relkind = 'r' AND typnamespace <> 'pg_catalog'::regnamespace"""

    assert await names(owner, types) == []
    assert await names(owner, foreign) == []


async def test_no_extension_is_needed(owner: asyncpg.Connection) -> None:
    assert [name for (name,) in await owner.fetch("SELECT extname FROM pg_extension")] == ["plpgsql"]


async def test_every_table_has_a_primary_key_and_no_sequence(owner: asyncpg.Connection) -> None:
    without = """
        SELECT relname FROM pg_class WHERE relnamespace = $1 AND relkind = 'r'
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = pg_class.oid AND contype = 'p')"""

    assert await names(owner, without) == []
    assert await names(owner, "SELECT relname FROM pg_class WHERE relnamespace = $1 AND relkind = 'S'") == []


async def test_nothing_inherits_and_nothing_is_partitioned(owner: asyncpg.Connection) -> None:
    """Citus distributes whole schemas only without them."""
    odd = """
        SELECT relname FROM pg_class WHERE relnamespace = $1
        AND (relkind NOT IN ('r', 'i') OR EXISTS (SELECT FROM pg_inherits WHERE inhrelid = pg_class.oid))"""

    assert await names(owner, odd) == []


async def test_every_constraint_and_index_is_named_by_the_convention(owner: asyncpg.Connection) -> None:
    constraints = """
        SELECT conname FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
        WHERE connamespace = $1 AND contype <> 'n' AND relname <> 'alembic_version'
        AND conname !~ format('^%s_%s(_|$)', CASE contype WHEN 'p' THEN 'pk' WHEN 'f' THEN 'fk' WHEN 'u' THEN 'uq'
                                                          WHEN 'c' THEN 'ck' END, relname)"""
    indexes = """
        SELECT class.relname FROM pg_index JOIN pg_class AS class ON class.oid = indexrelid
        JOIN pg_class AS owned ON owned.oid = indrelid
        WHERE class.relnamespace = $1 AND owned.relname <> 'alembic_version' AND class.relname !~
        format('^%s_%s(_|$)', CASE WHEN indisprimary THEN 'pk' WHEN indisunique THEN 'uq' ELSE 'ix' END,
               owned.relname)"""
    doubled = "SELECT conname FROM pg_constraint WHERE connamespace = $1 AND conname ~ '^(.._.*)_\\1'"

    assert await names(owner, constraints) == []
    assert await names(owner, indexes) == []
    assert await names(owner, doubled) == []


async def test_no_name_was_cut_by_postgresql(owner: asyncpg.Connection) -> None:
    everything = """
        SELECT conname FROM pg_constraint WHERE connamespace = $1
        UNION ALL SELECT relname FROM pg_class WHERE relnamespace = $1"""

    assert [name for name in await names(owner, everything) if len(name) >= 63] == []


async def test_foreign_keys_stay_inside_the_schema(owner: asyncpg.Connection) -> None:
    inside = "SELECT conname FROM pg_constraint WHERE connamespace = $1 AND contype = 'f'"
    leaving = """
        SELECT conname FROM pg_constraint JOIN pg_class ON pg_class.oid = confrelid
        WHERE connamespace = $1 AND relnamespace <> $1"""

    assert len(await names(owner, inside)) > 10
    assert await names(owner, leaving) == []


async def test_every_foreign_key_is_indexed_or_has_a_reason(owner: asyncpg.Connection) -> None:
    unindexed = """
        SELECT conname FROM pg_constraint AS fk WHERE connamespace = $1 AND contype = 'f'
        AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = fk.conrelid AND indkey[0] = fk.conkey[1])"""

    assert set(await names(owner, unindexed)) == UNINDEXED


async def test_times_know_their_zone_and_text_has_no_length_in_its_type(owner: asyncpg.Connection) -> None:
    """TEXT with a CHECK can be widened without a rewrite; a time without zone means another moment elsewhere."""
    odd = """
        SELECT format('%s.%s %s', relname, attname, typname) FROM pg_attribute
        JOIN pg_class ON pg_class.oid = attrelid JOIN pg_type ON pg_type.oid = atttypid
        WHERE relnamespace = $1 AND relkind = 'r' AND relname <> 'alembic_version'
        AND typname IN ('timestamp', 'time', 'varchar', 'bpchar', 'json', 'money', 'serial')"""

    assert await names(owner, odd) == []


async def test_long_text_is_bounded(owner: asyncpg.Connection) -> None:
    """Every TEXT column has a CHECK that names it, of its length, its values or its form, or points to one that has."""
    unbounded = """
        SELECT format('%s.%s', relname, attname) FROM pg_attribute
        JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = $1 AND relkind = 'r' AND atttypid = 'text'::regtype AND relname <> 'alembic_version'
        AND NOT EXISTS (SELECT FROM pg_constraint
                        WHERE conrelid = attrelid AND contype IN ('c', 'f') AND attnum = ANY (conkey))"""

    assert set(await names(owner, unbounded)) == UNBOUNDED
