"""Events, their occurrences and feeds."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import asyncpg

from common.ids import new_id
from tests.support.operations import Operation
from tests.support.things import word
from tests.support.tool_operations.declared import ToolOperations

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_minutes = count(1)
START, END = datetime(2026, 10, 20, 6, tzinfo=UTC), datetime(2026, 10, 20, 7, tzinfo=UTC)


async def insert_event(owner: asyncpg.Connection, user_id: UUID, *, deleted: bool = False) -> str:
    """Somebody's event of three days, at a minute that no other has, to which he is invited himself."""
    event_id, start = new_id(), START + timedelta(minutes=next(_minutes))
    await owner.execute(
        """INSERT INTO events (id, title, starts_at, ends_at, last_ends_at, rrule, created_by, deleted_at)
           VALUES ($1, $2, $3, $4, $5, 'FREQ=DAILY;COUNT=3', $6, $7)""",
        *(event_id, word(), start, start + HOUR, start + 2 * DAY + HOUR, user_id),
        datetime.now(UTC) if deleted else None,
    )
    await owner.execute(
        "INSERT INTO event_attendees (id, event_id, user_id) VALUES ($1, $2, $3)", new_id(), event_id, user_id
    )
    return str(event_id)


async def new_secret(owner: asyncpg.Connection) -> tuple[str, bytes]:
    """A secret of the tenant, and its digest."""
    schema = await owner.fetchval("SELECT current_schema()")
    secret = f"{schema.removeprefix('tenant_')}.{secrets.token_urlsafe(32)}"
    return secret, hashlib.sha256(secret.encode()).digest()


async def insert_link(owner: asyncpg.Connection, event_id: str) -> str:
    """The secret of a link that was mailed to who is invited."""
    secret, digest = await new_secret(owner)
    await owner.execute("UPDATE event_attendees SET answer_digest = $2 WHERE event_id = $1", event_id, digest)
    return secret


async def insert_feed(owner: asyncpg.Connection, user_id: UUID) -> tuple[str, str]:
    """Somebody's feed, and its secret: of another's if the user himself may read nothing."""
    feed_id, (secret, digest) = new_id(), await new_secret(owner)
    reader = await owner.fetchval(
        """SELECT users.id FROM users LEFT JOIN user_roles ON user_id = users.id WHERE deleted_at IS NULL
           ORDER BY users.id <> $1 OR role_id IS NULL, role_id IS NULL, users.id LIMIT 1""",
        user_id,
    )
    await owner.execute(
        "INSERT INTO event_feeds (id, user_id, digest) VALUES ($1, $2, $3)",
        *(feed_id, reader, digest),
    )
    return str(feed_id), secret


async def values(owner: asyncpg.Connection, operation: Operation, user_id: UUID) -> dict[str, str]:
    """An event of the caller's."""
    if operation.name in {"get_event_feed", "read_event_feed", "delete_event_feed"}:
        feed_id, secret = await insert_feed(owner, user_id)
        return {"feed_id": feed_id, "token": secret}
    if operation.name in {"get_invitation_by_link", "answer_invitation_by_link"}:
        return {"token": await insert_link(owner, await insert_event(owner, user_id))}
    if "{event_id}" not in operation.path:
        return {}
    event_id = await insert_event(owner, user_id, deleted=operation.name == "restore_event")
    start = await owner.fetchval("SELECT starts_at FROM events WHERE id = $1", event_id)
    return {"event_id": event_id, "starts_at": start.isoformat()}


async def fill(owner: asyncpg.Connection, operation: Operation, _values: Mapping[str, str]) -> dict[str, Any]:
    """What a request has beside a JSON body."""
    if operation.name == "import_events":
        entry = f"BEGIN:VEVENT\r\nUID:{word()}\r\nSUMMARY:Tour\r\nDTSTART:20261201T090000Z\r\nEND:VEVENT"
        file = f"BEGIN:VCALENDAR\r\n{entry}\r\nEND:VCALENDAR\r\n"
        return {"content": file, "headers": {"Content-Type": "text/calendar"}}
    if operation.name == "list_occurrences":
        return {"params": {"from": START.isoformat(), "to": END.isoformat()}}
    if operation.name == "get_free_busy":
        user_id = await owner.fetchval("SELECT id FROM users WHERE deleted_at IS NULL LIMIT 1")
        return {"params": {"from": START.isoformat(), "to": END.isoformat(), "user_id": str(user_id)}}
    return {}


def _body(name: str) -> dict[str, Any]:
    return {"title": name, "starts_at": START.isoformat(), "ends_at": END.isoformat()}


OPERATIONS = ToolOperations(
    bodies={
        "create_event": _body,
        "replace_event": _body,
        "update_event": lambda name: {"description": name},
        "answer_event": lambda _: {"response": "accepted"},
        "change_occurrence": lambda name: {"title": name},
        "create_event_feed": lambda name: {"name": name},
        "answer_invitation_by_link": lambda name: {"response": "tentative", "comment": name},
    },
    reading=frozenset(
        {
            "list_events",
            "get_event",
            "get_event_file",
            "list_occurrences",
            "get_free_busy",
            "list_event_feeds",
            "get_event_feed",
            "read_event_feed",
            "get_invitation_by_link",
        }
    ),
    changing={
        "create_event": ("tools.event.created", "event"),
        "replace_event": ("tools.event.updated", "event"),
        "update_event": ("tools.event.updated", "event"),
        "delete_event": ("tools.event.deleted", "event"),
        "restore_event": ("tools.event.restored", "event"),
        "answer_event": ("tools.event.updated", "event"),
        "change_occurrence": ("tools.event.updated", "event"),
        "leave_out_occurrence": ("tools.event.updated", "event"),
        "answer_invitation_by_link": ("tools.event.updated", "event"),
        "import_events": ("tools.event.created", "event"),
        "create_event_feed": ("tools.event_feed.created", "event_feed"),
        "delete_event_feed": ("tools.event_feed.deleted", "event_feed"),
    },
    tables=("events", "event_links", "event_attendees", "event_overrides", "event_feeds"),
    values=values,
    files=frozenset({"import_events"}),
    open=frozenset({"read_event_feed", "get_invitation_by_link", "answer_invitation_by_link"}),
    fill=fill,
)
