"""The rules of calendar feeds: their address is shown once, and what they show is what their owner may read now."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row

from common.audit import HIDDEN, Change, Target, differences
from common.clock import now
from common.errors import NotFound, TooManyFeeds
from common.ids import new_id
from common.paging import ListQuery
from database import ReadUnit, WriteUnit
from serving.visit import Visit
from shared_auth import Principal
from shared_models import Page
from tools.events.feeds import queries
from tools.events.feeds.queries import Shown
from tools.events.feeds.schemas import Feed, FeedCreate, FeedWithAddress
from tools.events.ics.components import write_event, write_todo, zone_of
from tools.events.ics.lines import write_calendar
from tools.events.secrets import digest_of, new_secret
from tools.records.kinds import KINDS
from tools.reminders.service import offsets_of
from users import load_absent

MAX_FEEDS: Final = 20
KEPT: Final = timedelta(days=92)  # what is over for longer is not shown
FORMAT: Final = 1  # counts how the same records were written differently by versions of this code


@dataclass(frozen=True, slots=True)
class Calendar:
    """A feed as it is now. ``content`` is None for who has it already."""

    etag: str
    content: bytes | None


async def list_feeds(unit: ReadUnit, actor: Principal, query: ListQuery) -> Page[Feed]:
    """A page of the actor's feeds."""
    found = await queries.list_feeds(unit, actor.user_id, query)
    items = [Feed(**_fields(row)) for row in found.rows]
    return Page(items=items, next_cursor=found.next_cursor, total=found.total)


async def get_feed(unit: ReadUnit, actor: Principal, feed_id: UUID) -> Feed:
    """One of the actor's feeds. Raises NotFound."""
    row = await queries.find_own_feed(unit, actor.user_id, feed_id)
    if row is None:
        raise _missing()
    return Feed(**_fields(row))


async def create_feed(unit: WriteUnit, actor: Principal, payload: FeedCreate, base: str) -> FeedWithAddress:
    """A new feed of the actor's, with its address below ``base``. Raises TooManyFeeds."""
    await queries.lock_owner(unit, actor.user_id)
    if await queries.count_feeds(unit, actor.user_id) >= MAX_FEEDS:
        raise TooManyFeeds
    secret = new_secret(actor.tenant)
    given = payload.model_dump(mode="json")
    made = FeedWithAddress(id=new_id(), created_at=now(), url=f"{base}/{secret}.ics", **given)
    values = made.model_dump(exclude={"include", "url"}) | {
        kind: kind in payload.include for kind in ("events", "tasks")
    }
    await queries.insert_feed(unit, {**values, "user_id": actor.user_id, "digest": digest_of(secret)})
    _audit(unit, "created", made.id, made.name, [*differences({}, given), Change("url", None, HIDDEN)])
    return made


async def delete_feed(unit: WriteUnit, actor: Principal, feed_id: UUID) -> None:
    """End one of the actor's feeds at once. Raises NotFound."""
    name = await queries.delete_feed(unit, actor.user_id, feed_id)
    if name is None:
        raise _missing()
    _audit(unit, "deleted", feed_id, name, [])


async def read_feed(visit: Visit, secret: str, known: str | None) -> Calendar:
    """A feed's calendar, for who has its address. Raises NotFound for one that ended, or whose owner may read nothing
    any more: deactivated, deleted, or without the permission."""
    async with visit.read() as unit:
        feed = await queries.find_feed(unit, digest_of(secret))
        reader = await _reader(unit, visit, feed) if feed is not None else None
        if feed is None or reader is None:
            raise NotFound("There is no such feed, or not any more.")
        shown = _shown(feed, reader)
        etag = _etag(feed, await queries.mark(unit, shown))
        if known is not None and _matches(known, etag):
            return Calendar(etag, None)
        rows = [await _read(unit, one) for one in shown]
    content = await asyncio.to_thread(
        _write, feed.name or f"{reader.username} ({reader.tenant.tenant_id})", shown, rows
    )
    return Calendar(etag, content)


async def _reader(unit: ReadUnit, visit: Visit, feed: Row[Any]) -> Principal | None:
    """The owner of a feed with the rights he has now, at their narrowest where only his own is shown."""
    assert visit.name is not None
    owner = await load_absent(unit, tenant=visit.name, user_id=feed.user_id, settings=visit.settings)
    if owner is None or not owner.may("events:read"):
        return None
    if feed.scope == "readable":
        return owner
    return replace(owner, permissions=dict.fromkeys(owner.permissions, "own"))


def _shown(feed: Row[Any], reader: Principal) -> list[Shown]:
    """What it shows. The day, not the moment, says what is old: an unchanged calendar stays the same for a day."""
    since = now().replace(hour=0, minute=0, second=0, microsecond=0) - KEPT
    shown = [queries.shown_events(reader, since)] if feed.events else []
    if feed.tasks:
        shown += [queries.shown_todos(kind, reader, since) for kind in KINDS.values() if kind.todos is not None]
    return shown


def _etag(feed: Row[Any], marks: Sequence[str]) -> str:
    told = repr((FORMAT, feed.id, feed.name, *marks))
    return f'"{hashlib.sha256(told.encode()).hexdigest()[:32]}"'


def _matches(known: str, etag: str) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in known.split(",")}
    return etag in tags or "*" in tags


async def _read(unit: ReadUnit, shown: Shown) -> list[Row[Any]]:
    return await (queries.list_events if shown.kind.todos is None else queries.list_todos)(unit, shown)


def _write(name: str, shown: Sequence[Shown], rows: Sequence[list[Row[Any]]]) -> bytes:
    """The file. It takes some 40 µs for each event, so a thread does it."""
    components: list[str] = []
    zones: set[str] = set()
    for one, found in zip(shown, rows, strict=True):
        todos = one.kind.todos
        for row in found:
            if todos is not None:
                components.append(write_todo(row, todos.read(row)))
            else:
                components.append(write_event(row, alarms=offsets_of(row.reminders)))
                zones |= zone_of(row)
    return write_calendar(components, zones=zones, method="PUBLISH", name=name).encode()


def _fields(row: Row[Any]) -> dict[str, Any]:
    include = [kind for kind in ("events", "tasks") if getattr(row, kind)]
    return {"id": row.id, "name": row.name, "scope": row.scope, "created_at": row.created_at, "include": include}


def _missing() -> NotFound:
    return NotFound("You have no such feed.")


def _audit(unit: WriteUnit, verb: str, feed_id: UUID, name: str, changes: Sequence[Change]) -> None:
    unit.audit(f"tools.event_feed.{verb}", target=Target("event_feed", str(feed_id), name or None), changes=changes)
