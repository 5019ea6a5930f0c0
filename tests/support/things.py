"""Things to try operations on, made past the API: quickly, and without a mail about any of them.

``owner`` is a connection of the database's owner that sees one tenant (``tests.support.probes.owner_connection``).
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final

import asyncpg
import httpx

from common.ids import new_id
from tests.support.world import Person, TestTenant, sign_in

_numbers = count(1)
SOON: Final = timedelta(hours=1)


def word() -> str:
    """A name nobody has."""
    return f"thing{next(_numbers)}"


async def insert_person(http: httpx.AsyncClient, owner: asyncpg.Connection, tenant: TestTenant, role: str) -> Person:
    """Somebody of a role, signed in, whom no other test needs. The password is the one everybody has."""
    return await sign_in(http, tenant, await insert_login(owner, role))


async def insert_login(owner: asyncpg.Connection, role: str) -> str:
    """The same, not signed in yet: the user name."""
    user_id, name = new_id(), word()
    await owner.execute(
        """INSERT INTO users (id, email, email_normalized, username, username_normalized, password_hash, is_verified)
           SELECT $1, $2 || '@twin.example', $2 || '@twin.example', $2, $2, password_hash, true
           FROM users WHERE username = 'owner'""",
        user_id,
        name,
    )
    await owner.execute(
        "INSERT INTO user_roles (user_id, role_id) SELECT $1, id FROM roles WHERE name = $2", user_id, role
    )
    return name


async def insert_user(owner: asyncpg.Connection, *, deleted: bool = False) -> str:
    """A user without rights who cannot log in."""
    user_id, name = new_id(), word()
    await owner.execute(
        """INSERT INTO users (id, email, email_normalized, username, username_normalized, deleted_at)
           VALUES ($1, $2 || '@twin.example', $2 || '@twin.example', $2, $2, $3)""",
        user_id,
        name,
        datetime.now(UTC) if deleted else None,
    )
    return str(user_id)


async def insert_role(owner: asyncpg.Connection, *grants: str, title: str = "") -> str:
    """A role of the tenant's own, of rank 0, with permissions for all records."""
    role_id = new_id()
    await owner.execute("INSERT INTO roles (id, name, description) VALUES ($1, $2, $3)", role_id, word(), title)
    await owner.executemany(
        "INSERT INTO role_permissions (role_id, permission) VALUES ($1, $2)", [(role_id, name) for name in grants]
    )
    return str(role_id)


async def insert_team(owner: asyncpg.Connection, *members: str, title: str = "") -> str:
    """A team without roles."""
    team_id = new_id()
    await owner.execute("INSERT INTO teams (id, name, description) VALUES ($1, $2, $3)", team_id, word(), title)
    await owner.executemany(
        "INSERT INTO team_members (team_id, user_id) VALUES ($1, $2)", [(team_id, member) for member in members]
    )
    return str(team_id)


async def insert_key(owner: asyncpg.Connection, user_id: str, *, title: str = "a key") -> str:
    """An API key of somebody, whose secret nobody knows."""
    key_id = new_id()
    await owner.execute(
        """INSERT INTO api_keys (id, user_id, name, prefix, digest, permissions)
           VALUES ($1, $2, $3, 'ssk_inserted', $4, '{users:read}')""",
        key_id,
        user_id,
        title,
        secrets.token_bytes(32),
    )
    return str(key_id)


async def insert_session(owner: asyncpg.Connection, user_id: str) -> str:
    """A session of somebody, whose tokens nobody has."""
    session_id, moment = new_id(), datetime.now(UTC)
    await owner.execute(
        """INSERT INTO user_sessions (id, user_id, refresh_digest, rotated_at, created_at, last_used_at,
                                      idle_expires_at, expires_at)
           VALUES ($1, $2, $3, $4, $4, $4, $5, $5)""",
        session_id,
        user_id,
        secrets.token_bytes(32),
        moment,
        moment + SOON,
    )
    return str(session_id)


async def insert_invitation(owner: asyncpg.Connection, invited_by: str, *, email: str = "") -> tuple[str, str]:
    """An invitation: its id, and the token in its mail."""
    invitation_id, token = new_id(), secrets.token_urlsafe(32)
    await owner.execute(
        """INSERT INTO invitations (id, email, email_normalized, invited_by, digest, expires_at)
           VALUES ($1, $2, $2, $3, $4, $5)""",
        invitation_id,
        email or f"{word()}@twin.example",
        invited_by,
        hashlib.sha256(token.encode()).digest(),
        datetime.now(UTC) + SOON,
    )
    return str(invitation_id), token


async def insert_reset_token(owner: asyncpg.Connection, user_id: str) -> str:
    """The token of a mail for setting a new password."""
    token, moment = secrets.token_urlsafe(32), datetime.now(UTC)
    await owner.execute(
        """INSERT INTO password_reset_tokens (id, user_id, digest, created_at, expires_at)
           VALUES ($1, $2, $3, $4, $5)""",
        new_id(),
        user_id,
        hashlib.sha256(token.encode()).digest(),
        moment,
        moment + SOON,
    )
    return token


async def create_setting(tenant: TestTenant, *, title: str = "") -> str:
    """A setting's key. Through the API after all: it is read from copies that would not know what stands in a table."""
    key = word()
    body = {"key": key, "value": key, "value_type": "string", "description": title}
    answer = await tenant.owner.post("/settings", json=body)
    assert answer.status_code == 201, answer.text
    return key


async def insert_flag(owner: asyncpg.Connection, *, title: str = "") -> str:
    """A feature flag's key."""
    key = word()
    await owner.execute(
        "INSERT INTO feature_flags (id, key, variants, description) VALUES ($1, $2, $3, $4)",
        new_id(),
        key,
        '{"on": true, "off": false}',
        title,
    )
    return key


async def insert_verification_token(owner: asyncpg.Connection, user_id: str) -> str:
    """The token of a mail that proves the address a user has."""
    token, moment = secrets.token_urlsafe(32), datetime.now(UTC)
    await owner.execute(
        """INSERT INTO email_verification_tokens (id, user_id, email, digest, created_at, expires_at)
           SELECT $1, id, email, $3, $4, $5 FROM users WHERE id = $2""",
        new_id(),
        user_id,
        hashlib.sha256(token.encode()).digest(),
        moment,
        moment + SOON,
    )
    return token
