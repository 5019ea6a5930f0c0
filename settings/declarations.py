"""The settings that the settings module obeys."""

from __future__ import annotations

from typing import Final

from common.enums import SettingType
from common.registry import Declaration

KEEP_AT_LEAST_DAYS: Final = 30
RETENTION: Final = "audit.retention_days"


def _long_enough(days: int) -> str | None:
    return None if days == 0 or days >= KEEP_AT_LEAST_DAYS else f"must be 0 (for ever), or {KEEP_AT_LEAST_DAYS} or more"


DECLARATIONS: Final[tuple[Declaration, ...]] = (
    Declaration(
        RETENTION,
        SettingType.INTEGER,
        0,
        "Days after which entries of the audit log are removed; 0 keeps them for ever.",
        minimum=0,
        maximum=36_500,
        check=_long_enough,
    ),
)
