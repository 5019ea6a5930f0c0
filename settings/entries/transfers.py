"""Settings out of a tenant and into one: all of a file, or nothing of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from common.audit import HIDDEN, Change, Target
from common.clock import now
from common.enums import SettingType
from common.errors import ImportInvalid, ServiceError, SettingInvalid
from database import WriteUnit
from serving.visit import Visit
from settings.entries import queries, service
from settings.entries.formats import read_file, write_file
from settings.entries.schemas import (
    ImportedSetting,
    KeyFault,
    KeyResult,
    KeyStatus,
    SettingsImportReport,
    TransferFormat,
)
from settings.schemas import KEY_PATTERN
from settings.values.changes import change
from settings.values.layers import check_key
from settings.values.stored import Layer, Stored
from shared_auth import authorize

_KEY: Final = re.compile(KEY_PATTERN)
_WOULD: Final = {KeyStatus.CREATED: KeyStatus.WOULD_CREATE, KeyStatus.UPDATED: KeyStatus.WOULD_UPDATE}


@dataclass(frozen=True, slots=True)
class Line:
    """A key of the file: what becomes of it, the row to store, or why not."""

    key: str
    status: KeyStatus
    row: Stored | None = None
    fault: KeyFault | None = None


async def export_settings(unit: WriteUnit, form: TransferFormat) -> str:
    """Every value of the tenant's own, secrets masked."""
    rows = [row for _, row in sorted((await queries.list_stored(unit)).items()) if row.is_set]
    unit.audit("settings.exported", target=Target("settings", form), changes=[Change("settings", None, len(rows))])
    return write_file({"settings": {row.key: _exported(row) for row in rows}}, form)


async def import_settings(
    unit: WriteUnit, visit: Visit, body: bytes, form: TransferFormat, *, dry_run: bool
) -> SettingsImportReport:
    """Create and update the keys of a file; what it does not mention stays. Raises ImportInvalid or SettingsFull."""
    given = await asyncio.to_thread(read_file, body, form)
    if len(given) > service.MAX_KEYS:
        raise ImportInvalid(f"A file may have at most {service.MAX_KEYS:,} settings.")
    await queries.lock_settings(unit)
    current = await queries.list_stored(unit)
    lines = [_judge(visit, str(key), item, current) for key, item in given.items()]
    is_good = all(line.fault is None for line in lines)
    rows = [line.row for line in lines if line.row is not None]
    if is_good and rows and not dry_run:
        await _store(unit, visit, rows, current)
    return _report(lines, stored=is_good and not dry_run, dry_run=dry_run)


async def _store(unit: WriteUnit, visit: Visit, rows: list[Stored], current: Layer) -> None:
    if visit.principal is not None and any(not _is_living(current.get(row.key)) for row in rows):
        authorize(visit.principal, "settings:create")
    await service.store_rows(unit, rows)
    await service.check_room(unit)
    for row in rows:
        service.audit_change(unit, current.get(row.key), row)


def _judge(visit: Visit, key: str, item: object, current: Layer) -> Line:
    try:
        return _line(visit, key, ImportedSetting.model_validate(item), current.get(key))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        return _faulty(key, first["type"], f"{where}: {first['msg']}" if where else first["msg"])
    except SettingInvalid as error:
        return _faulty(key, error.reason, error.detail)
    except ServiceError as error:
        return _faulty(key, error.code, error.detail)


def _line(visit: Visit, key: str, payload: ImportedSetting, current: Stored | None) -> Line:
    if _KEY.fullmatch(key) is None:
        return _faulty(
            key[:128], "key_invalid", "A key is lower-case letters, digits, _ . and -, beginning with a letter."
        )
    above = service.find_above(visit, check_key(key))
    above.check_unlocked()
    wanted = service.wanted_of(payload, above, current)
    # A mask where no secret is: the file comes from another tenant, and what it stands for did not come with it.
    is_empty_mask = wanted.value_type is SettingType.SECRET and wanted.value == HIDDEN
    if is_empty_mask and (current is None or current.secret is None):
        return Line(key, KeyStatus.UNCHANGED)
    row = change(service.place_of(visit, above, key), current, wanted, now(), service.author(visit))
    if row is None:
        return Line(key, KeyStatus.UNCHANGED)
    return Line(key, KeyStatus.UPDATED if _is_living(current) else KeyStatus.CREATED, row)


def _faulty(key: str, code: str, message: str) -> Line:
    return Line(key, KeyStatus.ERROR, fault=KeyFault(code=code, message=message))


def _is_living(row: Stored | None) -> bool:
    return row is not None and row.is_set


def _exported(row: Stored) -> Mapping[str, Any]:
    return {
        "value": row.value if row.secret is None else HIDDEN,
        "value_type": str(row.value_type),
        "description": row.description,
        "is_public": row.is_public,
    }


def _report(lines: list[Line], *, stored: bool, dry_run: bool) -> SettingsImportReport:
    results = [
        KeyResult(
            key=line.key, status=line.status if stored else _WOULD.get(line.status, line.status), error=line.fault
        )
        for line in lines
    ]
    counts = {status: sum(result.status is status for result in results) for status in KeyStatus}
    return SettingsImportReport(
        dry_run=dry_run,
        created=counts[KeyStatus.CREATED],
        updated=counts[KeyStatus.UPDATED],
        unchanged=counts[KeyStatus.UNCHANGED],
        failed=counts[KeyStatus.ERROR],
        results=results,
    )
