"""Settings of another system."""

from __future__ import annotations

from typing import Final

from common.errors import SettingExists
from database import WriteUnit
from serving.loading import Line, Loader, Loading, one_by_one
from settings.entries.schemas import SettingCreate
from settings.entries.service import create_setting
from settings.models import Setting


async def load_setting(unit: WriteUnit, loading: Loading, line: Line) -> None:
    """A value of the tenant's own; what it has already stays. Raises SettingInvalid, SettingLocked or SettingsFull."""
    try:
        await create_setting(unit, loading.visit, line.payload)
    except SettingExists:
        line.is_known = True


LOADERS: Final = (
    Loader("settings", Setting.__table__, SettingCreate, one_by_one(load_setting), has_author=False, key="key"),
)
