"""The life of a record of any kind: made, read, changed, deleted, restored. What is special about a kind, its own
service does before and after."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row

from common.audit import HIDDEN, Change, differences
from common.clock import now
from common.errors import KindUnknown, NotFound, PermissionDenied, VersionConflict
from common.registry import Effective
from database import ReadUnit, WriteUnit
from serving.loading import Past, begin
from shared_auth import Principal
from tools.models import SEARCH_LANGUAGES
from tools.records import queries, single
from tools.records.kinds import KINDS, Kind
from users import DEFAULT_LOCALE

LONGEST_TOLD: Final = 500  # characters of a value that the audit log repeats; of a longer one, the beginning


def language_of(settings: Effective) -> str:
    """In which language the tenant's records are searched: that of its locale, or "" for one PostgreSQL cannot stem."""
    language = str(settings[DEFAULT_LOCALE]).replace("_", "-").partition("-")[0].lower()
    return language if language in SEARCH_LANGUAGES else ""


def readable_kinds(actor: Principal, names: Sequence[str] = ()) -> list[Kind]:
    """The kinds of which somebody may read any records, or those of ``names``. Raises KindUnknown, or PermissionDenied
    for who may read none."""
    for name in names:
        if name not in KINDS:
            raise KindUnknown(f"There is no kind of record called {name!r}, only {', '.join(sorted(KINDS))}.")
    wanted = [kind for name, kind in KINDS.items() if not names or name in names]
    readable = [kind for kind in wanted if actor.may(kind.needs("read"))]
    if not readable:
        permission = wanted[0].needs("read")
        raise PermissionDenied(f"The permission {permission} is missing.", permission=permission)
    return readable


async def get_record(unit: ReadUnit, kind: Kind, actor: Principal, record_id: UUID) -> Row[Any]:
    """A record. Raises NotFound, also for one that exists only for others."""
    row = await single.find_record(unit, kind, actor, record_id)
    if row is None:
        raise _missing(kind)
    return row


async def get_written(unit: ReadUnit, kind: Kind, record_id: UUID) -> Row[Any]:
    """A record that the actor has just written, which he need not be able to read otherwise."""
    row = await single.find_any_record(unit, kind, record_id)
    assert row is not None
    return row


async def create_record(
    unit: WriteUnit,
    kind: Kind,
    values: Mapping[str, Any],
    settings: Effective,
    *,
    created_by: UUID | None,
    private: bool = False,
    past: Past | None = None,
) -> UUID:
    """A new record from the fields of its payload, ``links`` among them; its id. ``private`` ones are audited without
    their values. One with a ``past`` is as old as that says."""
    begun = begin(past, created_by)
    record_id = begun.id
    fields = _own_fields(kind, values)
    times = {"created_at": begun.created_at, "updated_at": begun.updated_at}
    common = {"id": record_id, "created_by": begun.created_by, **times}
    await single.insert_record(unit, kind, {**fields, **common, "language": language_of(settings)})
    await queries.insert_links(unit, kind, record_id, values.get("links", ()))
    audit_record(
        unit, kind, "created", record_id, title=values.get(kind.title), changes=told({}, values), private=private
    )
    return record_id


async def begin_change(
    unit: WriteUnit,
    kind: Kind,
    actor: Principal,
    record_id: UUID,
    *,
    expected_version: int | None = None,
    action: str = "update",
    deleted: bool = False,
) -> Row[Any]:
    """A record, locked, as it is before a change. Raises NotFound, PermissionDenied for one that the actor may only
    read, or VersionConflict."""
    locked = await single.lock_record(unit, kind, actor, record_id, action, deleted=deleted)
    if locked is None:
        raise _missing(kind)
    if not locked.reached:
        permission = kind.needs(action)
        raise PermissionDenied(f"Your permission {permission} does not reach this {kind.name}.", permission=permission)
    if expected_version not in {None, locked.version}:
        raise VersionConflict
    return await get_written(unit, kind, record_id)


async def finish_change(
    unit: WriteUnit,
    kind: Kind,
    before: Row[Any],
    values: Mapping[str, Any],
    *,
    private: bool = False,
    verb: str = "updated",
) -> bool:
    """Write what differs from ``before``, with its audit entry, which calls it ``verb``; whether anything did."""
    known = {name: getattr(before, name) for name in values}
    changes = told(known, values)
    if not changes:
        return False
    await single.update_record(unit, kind, before.id, _own_fields(kind, values), now())
    if values.get("links", known.get("links")) != known.get("links"):
        await queries.delete_links(unit, kind, before.id)
        await queries.insert_links(unit, kind, before.id, values["links"])
    title = values.get(kind.title, getattr(before, kind.title))
    audit_record(unit, kind, verb, before.id, title=title, changes=changes, private=private)
    return True


async def delete_record(
    unit: WriteUnit,
    kind: Kind,
    actor: Principal,
    record_id: UUID,
    expected_version: int | None,
    *,
    private: bool | None = None,
) -> Row[Any]:
    """Delete a record, which can be restored; answers it as it was. ``private`` says whether the audit log may tell its
    title, where the record itself does not."""
    row = await begin_change(unit, kind, actor, record_id, expected_version=expected_version, action="delete")
    moment = now()
    await single.update_record(unit, kind, record_id, {"deleted_at": moment}, moment)
    hides = _is_private(row) if private is None else private
    audit_record(unit, kind, "deleted", record_id, title=getattr(row, kind.title), private=hides)
    return row


async def restore_record(
    unit: WriteUnit, kind: Kind, actor: Principal, record_id: UUID, *, private: bool | None = None
) -> Row[Any]:
    """Bring a deleted record back, for whoever may delete it; answers it as it was. Raises NotFound for one
    that lives."""
    row = await begin_change(unit, kind, actor, record_id, action="delete", deleted=True)
    await single.update_record(unit, kind, record_id, {"deleted_at": None}, now())
    hides = _is_private(row) if private is None else private
    audit_record(unit, kind, "restored", record_id, title=getattr(row, kind.title), private=hides)
    return row


def audit_record(
    unit: WriteUnit,
    kind: Kind,
    verb: str,
    record_id: UUID,
    *,
    title: str | None,
    changes: Iterable[Change] = (),
    private: bool = False,
) -> None:
    """Note what was done to a record; of a private one, only which fields."""
    told = [replace(change, old=HIDDEN, new=HIDDEN) for change in changes] if private else list(changes)
    target = kind.target(record_id, None if private else title)
    unit.audit(f"tools.{kind.name}.{verb}", target=target, changes=told)


def _own_fields(kind: Kind, values: Mapping[str, Any]) -> dict[str, Any]:
    """What is written to the record's own row. Links are not, nor what its tool keeps in tables of its own."""
    return {name: value for name, value in values.items() if name in kind.table.c}


def told(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """What changed, in the length that an audit log is read in."""
    return [replace(item, old=_shorten(item.old), new=_shorten(item.new)) for item in differences(before, after)]


def _shorten(value: Any) -> Any:
    """A long text as its beginning, its length and its digest: enough to prove which text it was."""
    if not isinstance(value, str) or len(value) <= LONGEST_TOLD:
        return value
    digest = hashlib.sha256(value.encode()).hexdigest()
    return f"{value[:LONGEST_TOLD]}… ({len(value)} characters, SHA-256 {digest})"


def _is_private(row: Row[Any]) -> bool:
    return bool(getattr(row, "is_private", False))


def _missing(kind: Kind) -> NotFound:
    return NotFound(f"There is no such {kind.name}.")
