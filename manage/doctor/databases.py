"""A PostgreSQL server: whether it answers, what it is, and whether roles, rights and tenants' schemas are as they
should be."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from common.config import Config
from common.postgresql.errors import DRIVER_ERRORS
from common.shards import HOME
from database import SYSTEM_ROLE
from manage.doctor.findings import Finding, error, ok, some, warning
from migrations import inspection
from migrations.drift import describe_reference, find_drift
from migrations.login import plain_dsn, service_login
from migrations.trees import newest_file

VERSIONS: Final = range(13, 19)
LATE_SECONDS: Final = 300.0  # a due job that waits so long has nobody who does it
SHOWN_DIFFERENCES: Final = 3
MIGRATE: Final = "run python -m manage migrate"

Advance = Callable[[int, int], None]


async def examine_database(config: Config, shard: str, advance: Advance) -> list[Finding]:
    """Everything about one server. ``config`` is as if it were the only one."""
    about = "database" if shard == HOME else f"database {shard}"
    found = []
    for name, url in (("login role", service_login(config).url), ("owner", config.owner_url)):
        problem = await _try(config, url)
        if problem is not None:
            mend = f"see that it runs and that its URL is right; for a new database {MIGRATE}"
            found.append(error(about, f"the {name} cannot connect: {problem}", mend))
    if found:
        return found
    async with connected(config, config.owner_url) as connection:
        found += await _server(connection, about, config.jwt_leeway_seconds)
        if await inspection.read_system_revision(connection) != newest_file("system"):
            return [*found, error(about, "the system schema is not that of this version", MIGRATE)]
        found += await _roles(connection, about, service_login(config).role)
        found += await _tenants(connection, about, advance)
        found += _jobs(about, *await inspection.read_jobs(connection))
    return found


async def _try(config: Config, url: str) -> str | None:
    """Why one cannot connect there."""
    try:
        async with connected(config, url):
            return None
    except DRIVER_ERRORS as problem:
        return str(problem).partition("\n")[0] or type(problem).__name__


@asynccontextmanager
async def connected(config: Config, url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection for some questions."""
    # No statement is kept: PgBouncer may be between, and each is asked once.
    connection = await asyncpg.connect(
        plain_dsn(url), timeout=config.database_connect_timeout, statement_cache_size=0, command_timeout=60
    )
    try:
        yield connection
    finally:
        await connection.close()


async def _server(connection: asyncpg.Connection, about: str, leeway: int) -> list[Finding]:
    version, started = connection.get_server_version(), time.time()
    theirs = await inspection.read_clock(connection)
    found = [judge_clock(about, theirs - (started + time.time()) / 2, leeway)]
    said = f"PostgreSQL {version.major}.{version.minor} answers"
    if version.major in VERSIONS:
        return [ok(about, said), *found]
    return [warning(about, said, f"use {VERSIONS[0]} to {VERSIONS[-1]}: this version is not tested"), *found]


def judge_clock(about: str, seconds: float, leeway: int) -> Finding:
    """What it means that the server's clock is so far ahead of ours. Tokens allow for ``leeway`` seconds."""
    said, mend = f"its clock differs by {abs(seconds):.1f} s", "let both machines keep time by NTP"
    if abs(seconds) > max(leeway, 1):
        return error(about, said, mend)
    return warning(about, said, mend) if abs(seconds) > 1 else ok(about, said)


async def _roles(connection: asyncpg.Connection, about: str, name: str) -> list[Finding]:
    login = await inspection.read_login(connection, name)
    if login is None:
        return [error(about, f"there is no role {name}", MIGRATE)]
    rights = await inspection.read_roles(connection, name)
    if "SUPERUSER" in login.powers:
        rights["open"] = []  # which goes without saying
    tenants = [tenant.schema for tenant in await inspection.list_tenants(connection)]
    missing = [role for role in (SYSTEM_ROLE, *tenants) if role not in login.becomes]
    found = [*_login(about, name, login), *_rights(about, name, rights)]
    if missing:
        mend = f"GRANT each of them TO {name}, from PostgreSQL 16 on WITH INHERIT FALSE, SET TRUE"
        found.append(error(about, f"{name} may not become {some(missing)}", mend))
    return found or [ok(about, f"{name} and the roles of {len(tenants)} tenants have the rights they should")]


def _login(about: str, name: str, login: inspection.LoginRole) -> Iterator[Finding]:
    if login.powers:
        without = " ".join(f"NO{power}" for power in login.powers)
        mend = f"ALTER ROLE {name} {without}: nothing binds such a role"
        yield error(about, f"the login role {name} is {', '.join(login.powers)}", mend)
    if login.inherits:
        mend = f"ALTER ROLE {name} NOINHERIT, and from PostgreSQL 16 on GRANT each TO {name} WITH INHERIT FALSE"
        yield error(about, f"{name} has the rights of {some(login.inherits)} at all times", mend)
    if login.strange:
        yield error(about, f"{name} is a member of {some(login.strange)}", f"REVOKE these FROM {name}")


def _rights(about: str, name: str, rights: dict[str, list[str]]) -> Iterator[Finding]:
    if rights["open"]:
        mend = f"REVOKE ALL ON SCHEMA tenant_... FROM {name} and from PUBLIC"
        yield error(about, f"{name} reaches tables outside a unit, of {some(rights['open'])}", mend)
    if rights["powerful"]:
        mend = "ALTER ROLE tenant_... NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOLOGIN"
        yield error(about, f"the roles of these tenants have more than their schema: {some(rights['powerful'])}", mend)
    if rights["apart"]:
        yield error(about, f"these tenants' roles are not in system_tenants: {some(rights['apart'])}", MIGRATE)
    if rights["lacking"]:
        yield error(about, f"rights are missing in the system schema: {some(rights['lacking'])}", MIGRATE)


async def _tenants(connection: asyncpg.Connection, about: str, advance: Advance) -> list[Finding]:
    tenants = await inspection.list_tenants(connection)
    behind = [tenant.id for tenant in tenants if not tenant.is_current]
    found = [error(about, f"tenants are behind and answer 503: {some(behind)}", MIGRATE)] if behind else []
    reference = await describe_reference(connection)
    for number, tenant in enumerate(tenants):
        advance(number, len(tenants))
        if not tenant.is_there:
            mend = "restore it from a backup, or delete the tenant"
            found.append(error(tenant.schema, "is registered and has no schema", mend))
        elif tenant.is_current:
            differences = await find_drift(connection, tenant.schema, reference)
            found += [_drifted(tenant.schema, differences)] if differences else []
    return found or [ok(about, f"the schemas of {len(tenants)} tenants are as the migrations make them")]


def _drifted(schema: str, differences: list[str]) -> Finding:
    more = len(differences) - SHOWN_DIFFERENCES
    said = "; ".join(differences[:SHOWN_DIFFERENCES]) + (f"; and {more} more" if more > 0 else "")
    mend = "undo by hand what was changed by hand: + is too much, - is missing"
    return error(schema, f"differs from the migrations: {said}", mend)


def _jobs(about: str, dead: int, late: float) -> Iterator[Finding]:
    if dead:
        mend = "see python -m manage jobs list --state dead, then retry or drop them"
        yield warning(about, f"{dead} jobs were given up", mend)
    if late > LATE_SECONDS:
        mend = "see that a process with WORK_OFF_JOBS=true runs and can reach the mail server"
        yield warning(about, f"a job has been due for {late:.0f} s", mend)
    if not dead and late <= LATE_SECONDS:
        yield ok(about, "no job was given up or waits for long")
