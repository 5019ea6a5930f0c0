"""Preparing a database for the service: roles, rights and the system schema. Safe to repeat, by several at once.

Roles (DESIGN 3): the *owner* owns every schema and runs migrations; the *login* role, which the service uses, inherits
nothing and may only become others; ``system_service`` may use the system schema; each tenant has a role of its own, and
all of these are in the group ``system_tenants``.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64encode
from typing import Any, Final

import asyncpg
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

import settings
import users
from common.config import Config
from database import SYSTEM_ROLE, SYSTEM_SCHEMA, quote_identifier
from migrations.errors import DatabaseProblem, DatabaseUnreachable
from migrations.login import Login, service_login
from migrations.shared_rights import GROUP_RIGHTS, TENANTS_ROLE, convert_sql
from migrations.trees import newest_file, upgrade_in_turn
from shared_models import SystemBase

MODULES: Final = (settings, users)  # importing them has filled the metadata with the system's tables
MINIMUM_VERSION: Final = 13
INSUFFICIENT_PRIVILEGE: Final = "42501"
SYSTEM_RIGHTS: Final = {  # of the service on the tables of the system schema
    "tenants": "SELECT",
    "outbox": "SELECT, UPDATE, DELETE",
    "rate_limits": "SELECT, INSERT, UPDATE, DELETE",
    "idempotency_keys": "SELECT, INSERT, UPDATE, DELETE",
    "platform_keys": "SELECT, INSERT, UPDATE",
    "settings": "SELECT, INSERT, UPDATE",
    "audit_logs": "SELECT",
    "audit_chain": "SELECT",
    "audit_checkpoints": "SELECT, INSERT",
}
PREPARING_LOCK: Final = 7_300_001  # an advisory lock's key: preparations of one database wait for each other


async def prepare_database(config: Config) -> Login:
    """Bring roles, rights and the system schema up to date. Raises DatabaseProblem."""
    login = service_login(config)
    engine = create_async_engine(
        config.owner_url, poolclass=NullPool, connect_args={"timeout": config.database_connect_timeout}
    )
    try:
        async with engine.connect() as connection:
            await _prepare(connection, login)
    except (TimeoutError, OSError, asyncpg.CannotConnectNowError) as error:
        raise DatabaseUnreachable(f"The database does not answer: {error or type(error).__name__}.") from error
    except asyncpg.PostgresError as error:
        raise DatabaseProblem(f"The database refuses the owner's connection: {error}.") from error
    except DBAPIError as error:
        raise DatabaseProblem(f"The database refuses to be prepared by the owner role: {error.orig}.") from error
    return login


async def _prepare(connection: AsyncConnection, login: Login) -> None:
    version = int((await connection.execute(text("SELECT current_setting('server_version_num')"))).scalar_one())
    if version // 10_000 < MINIMUM_VERSION:
        raise DatabaseProblem(
            f"PostgreSQL {version // 10_000} is too old: the service needs {MINIMUM_VERSION} or newer."
        )
    await connection.execute(text(f"SELECT pg_advisory_xact_lock({PREPARING_LOCK})"))
    await _make_roles(connection, login, version)
    await connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SYSTEM_SCHEMA}"))
    if await _system_revision(connection) != newest_file("system"):
        await upgrade_in_turn(connection, "system")
    raw: Any = (await connection.get_raw_connection()).driver_connection
    await raw.execute(";".join([*_rights(login, await _database_name(connection)), convert_sql(version)]))
    await connection.commit()


async def _make_roles(connection: AsyncConnection, login: Login, version: int) -> None:
    found = await connection.execute(
        text("SELECT rolname, rolsuper FROM pg_roles WHERE rolname IN (:login, :system, :tenants)"),
        {"login": login.role, "system": SYSTEM_ROLE, "tenants": TENANTS_ROLE},
    )
    existing = {row.rolname: row.rolsuper for row in found}
    if existing.get(login.role):
        raise DatabaseProblem(
            f"The role {login.role} in DATABASE_URL is a superuser, whom no isolation binds: "
            "use a plain role there and the superuser in DATABASE_OWNER_URL, or leave DATABASE_OWNER_URL unset."
        )
    for group in (SYSTEM_ROLE, TENANTS_ROLE):
        if group not in existing:
            await _run(connection, create_role(group, "NOLOGIN"))
    is_new = login.role not in existing
    if is_new:
        await _run(connection, create_role(login.role, "LOGIN NOINHERIT"))
    await _configure_login(connection, login, set_password=is_new or login.derived)
    await _run(connection, f"GRANT {SYSTEM_ROLE} TO {quote_identifier(login.role)}{membership_options(version)}")


async def _configure_login(connection: AsyncConnection, login: Login, *, set_password: bool) -> None:
    """Attributes and settings of the login role. One that an administrator made keeps the password he gave it.

    From PostgreSQL 16 the owner may not be allowed to alter it, and need not: a membership says for itself that it is
    not inherited, and the settings only help.
    """
    quoted = quote_identifier(login.role)
    password = make_url(login.url).password
    secret = f" LOGIN PASSWORD '{_escaped(scram_verifier(str(password)))}'" if password and set_password else ""
    try:
        async with connection.begin_nested():
            await _run(connection, f"ALTER ROLE {quoted} NOINHERIT{secret}")
            # Kept by the role, not sent at connect: PgBouncer refuses start-up parameters it does not know.
            await _run(connection, f"ALTER ROLE {quoted} SET jit = off")
            await _run(connection, f"ALTER ROLE {quoted} SET idle_in_transaction_session_timeout = '60s'")
    except DBAPIError as error:
        if login.derived or getattr(error.orig, "sqlstate", None) != INSUFFICIENT_PRIVILEGE:
            raise


def create_role(name: str, options: str) -> str:
    """CREATE ROLE IF NOT EXISTS, which PostgreSQL lacks. Roles belong to the whole server, so another database's
    preparation may make the same one at the same moment."""
    return (
        f"DO $$ BEGIN CREATE ROLE {quote_identifier(name)} {options}; "
        "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
    )


def membership_options(version: int) -> str:
    """From PostgreSQL 16 a membership says for itself that it gives no rights unless the role is set."""
    return " WITH INHERIT FALSE, SET TRUE" if version >= 160_000 else ""


def _rights(login: Login, database: str) -> list[str]:
    quoted_database, quoted_login = quote_identifier(database), quote_identifier(login.role)
    return [
        f"REVOKE ALL ON DATABASE {quoted_database} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {quoted_database} TO {quoted_login}",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        # By name: for ALL TABLES IN SCHEMA PostgreSQL reads those of all tenants.
        f"REVOKE ALL ON {', '.join(SystemBase.metadata.tables)} FROM {SYSTEM_ROLE}",
        f"GRANT USAGE ON SCHEMA {SYSTEM_SCHEMA} TO {SYSTEM_ROLE}",
        *(f"GRANT {rights} ON {SYSTEM_SCHEMA}.{name} TO {SYSTEM_ROLE}" for name, rights in SYSTEM_RIGHTS.items()),
        f"GRANT EXECUTE ON FUNCTION {SYSTEM_SCHEMA}.audit_append(jsonb) TO {SYSTEM_ROLE}",
        *GROUP_RIGHTS,
    ]


async def _system_revision(connection: AsyncConnection) -> str | None:
    """What the system schema is at; most starts find it at the newest, and need not load Alembic's tree."""
    table = f"{SYSTEM_SCHEMA}.alembic_version"
    if (await connection.execute(text(f"SELECT to_regclass('{table}')"))).scalar_one() is None:
        return None
    return (await connection.execute(text(f"SELECT version_num FROM {table}"))).scalar_one_or_none()


async def _database_name(connection: AsyncConnection) -> str:
    return str((await connection.execute(text("SELECT current_database()"))).scalar_one())


async def _run(connection: AsyncConnection, statement: str) -> None:
    """Run DDL, which takes no parameters; a colon in a password is not a bind."""
    await connection.exec_driver_sql(statement)


def scram_verifier(password: str) -> str:
    """What PostgreSQL stores of a password (RFC 5803), so that the password itself is in no statement and no log.

    One with other than ASCII characters would need SASLprep (RFC 4013) and is left to the server.
    """
    if not password.isascii():
        return password
    salt, rounds = secrets.token_bytes(16), 4096
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored_text, server_text = (b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${rounds}:{salt_text}${stored_text}:{server_text}"


def _escaped(literal: str) -> str:
    return literal.replace("'", "''")
