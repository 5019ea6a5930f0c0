"""What a tenant sees of its settings: what counts, what the code declares, and what a key was."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row

from common.audit import HIDDEN
from common.enums import SettingType
from common.errors import NotFound
from common.paging import ListQuery
from database import ReadUnit
from serving.visit import Visit
from settings.entries import queries
from settings.entries.paging import finds, page_by_key
from settings.entries.schemas import ChangedBy, DeclaredSetting, SettingVersion
from settings.schemas import Setting, SettingSource
from settings.values.view import Ready, View
from shared_models import Page

UNKNOWN: Final = "There is no such setting."


def view_of(visit: Visit) -> View:
    """What counts for the visited tenant."""
    view = visit.settings
    assert isinstance(view, View)
    return view


def find_ready(visit: Visit, key: str) -> Ready:
    """A setting, ready to be sent. Raises NotFound."""
    ready = view_of(visit).find_ready(key)
    if ready is None:
        raise NotFound(UNKNOWN)
    return ready


def list_settings(
    visit: Visit, query: ListQuery, *, source: SettingSource | None, is_public: bool | None
) -> Page[Setting]:
    """A page of what the tenant sees."""
    found = [
        setting
        for setting in view_of(visit).settings
        if source in {None, setting.source} and is_public in {None, setting.is_public}
        if finds(query, setting.key, setting.description)
    ]
    return page_by_key(found, lambda setting: setting.key, query)


def list_declared(visit: Visit, query: ListQuery) -> Page[DeclaredSetting]:
    """A page of the registry."""
    shown = [
        DeclaredSetting(
            key=item.declaration.key,
            value_type=item.declaration.value_type,
            default=item.default if item.declaration.value_type is not SettingType.SECRET else HIDDEN,
            description=item.declaration.description,
            is_public=item.declaration.is_public,
            minimum=item.declaration.minimum,
            maximum=item.declaration.maximum,
            choices=list(item.declaration.choices),
            pattern=item.declaration.pattern,
        )
        for item in view_of(visit).declarations
        if finds(query, item.declaration.key, item.declaration.description)
    ]
    return page_by_key(shown, lambda declared: declared.key, query)


async def list_history(
    unit: ReadUnit, visit: Visit, key: str, query: ListQuery, *, at: datetime | None
) -> Page[SettingVersion]:
    """A page of the values that the tenant gave a key; with ``at`` the one of that moment. Raises NotFound for a key
    that never had one and is not known above either."""
    if at is not None:
        row = await queries.find_change_at(unit, key, at)
        return Page(items=[] if row is None else [_version(row)], total=int(row is not None))
    found = await queries.list_changes(unit, key, query)
    if not found.rows and query.cursor is None and query.q is None and view_of(visit).find_setting(key) is None:
        raise NotFound(UNKNOWN)
    return Page(items=[_version(row) for row in found.rows], next_cursor=found.next_cursor, total=found.total)


def _version(row: Row[Any]) -> SettingVersion:
    is_secret = row.is_set and row.value_type == SettingType.SECRET
    return SettingVersion(
        version=row.version,
        removed=not row.is_set,
        value=HIDDEN if is_secret else row.value,
        value_type=row.value_type,
        changed_at=row.changed_at,
        changed_by=ChangedBy(id=row.changed_by, name=row.changed_by_name),
    )
