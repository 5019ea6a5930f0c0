"""The settings that the tools module obeys."""

from __future__ import annotations

from typing import Final

from common.registry import Declaration

DECLARATIONS: Final[tuple[Declaration, ...]] = ()
