"""The rules of calls: their times fit their status, and a telephone system that tells of one twice is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from common.clock import now
from common.errors import ExternalIdTaken
from common.paging import ListQuery
from common.registry import Effective
from database import ReadUnit, WriteUnit
from serving.loading import Line, Loading
from shared_auth import Principal
from shared_models import Page, page_of
from tools.calls import queries, rules
from tools.calls.kind import CALL
from tools.calls.schemas import Call, CallCreate, CallPatch, CallReplace
from tools.records import queries as records
from tools.records import service
from tools.records.schemas import fields_of
from tools.records.single import find_record


async def list_calls(
    unit: ReadUnit, actor: Principal, query: ListQuery, common: Mapping[str, Any], **filters: Any
) -> Page[Call]:
    """A page of calls, the latest first; ``common`` are the filters that all records have."""
    shared = {name: value for name, value in common.items() if name != "deleted"}
    conditions = [*records.record_conditions(CALL, query, **shared), *queries.call_conditions(**filters)]
    found = await records.list_records(
        unit, CALL, actor, query, order=queries.ORDER, conditions=conditions, deleted=common["deleted"]
    )
    return page_of(Call, found)


async def get_call(unit: ReadUnit, actor: Principal, call_id: UUID) -> Call:
    """One call. Raises NotFound."""
    return Call.model_validate(await service.get_record(unit, CALL, actor, call_id))


async def create_call(unit: WriteUnit, actor: Principal, payload: CallCreate, settings: Effective) -> tuple[Call, bool]:
    """A new call and True; or the one that has its ``external_id`` already and False. Raises CallInvalid, or
    ExternalIdTaken for one that the caller may not read."""
    if payload.external_id is not None:
        known = await _find_replayed(unit, actor, payload.external_id)
        if known is not None:
            return known, False
    given = payload.model_dump()
    values = rules.with_duration(given, given)
    rules.check(values, now())
    call_id = await service.create_record(unit, CALL, values, settings, created_by=actor.user_id)
    return Call.model_validate(await service.get_written(unit, CALL, call_id)), True


async def load_call(unit: WriteUnit, loading: Loading, line: Line) -> None:
    """A call of another system. Raises CallInvalid, or ExternalIdTaken."""
    given = line.payload.model_dump()
    values = rules.with_duration(given, given)
    rules.check(values, now())
    settings, past = loading.visit.settings, line.past
    await service.create_record(unit, CALL, values, settings, created_by=past.created_by, past=past)


async def change_call(
    unit: WriteUnit,
    actor: Principal,
    call_id: UUID,
    payload: CallReplace | CallPatch,
    expected_version: int | None,
) -> Call:
    """Set all editable fields, or those of a patch. Raises CallInvalid."""
    given = fields_of(payload)
    before = await service.begin_change(unit, CALL, actor, call_id, expected_version=expected_version)
    known = {name: getattr(before, name) for name in CALL.columns}
    values = rules.with_duration({**known, **given}, given)
    if not rules.TIMING.isdisjoint(values):
        rules.check({**known, **values}, now())
    await service.finish_change(unit, CALL, before, values)
    return Call.model_validate(await service.get_written(unit, CALL, call_id))


async def delete_call(unit: WriteUnit, actor: Principal, call_id: UUID, expected_version: int | None) -> None:
    """Delete a call, which can be restored."""
    await service.delete_record(unit, CALL, actor, call_id, expected_version)


async def restore_call(unit: WriteUnit, actor: Principal, call_id: UUID) -> Call:
    """Bring a deleted call back. Its ``external_id`` may be another's meanwhile: ExternalIdTaken."""
    await service.restore_record(unit, CALL, actor, call_id)
    return Call.model_validate(await service.get_written(unit, CALL, call_id))


async def _find_replayed(unit: WriteUnit, actor: Principal, external_id: str) -> Call | None:
    """The call that was logged first, for whoever logged it or may read it. Many replays at once wait here."""
    await queries.lock_external_id(unit, external_id)
    first = await queries.find_external(unit, external_id)
    if first is None:
        return None
    if first.created_by == actor.user_id:
        return Call.model_validate(await service.get_written(unit, CALL, first.id))
    row = await find_record(unit, CALL, actor, first.id)
    if row is None:
        raise ExternalIdTaken
    return Call.model_validate(row)
