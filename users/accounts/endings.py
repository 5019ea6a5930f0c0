"""What else ends with a user's access, in the same transaction: the modules above have doors of their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from database import WriteUnit

AccessEnding = Callable[[WriteUnit, UUID], Awaitable[None]]

ACCESS_ENDINGS: Final[list[AccessEnding]] = []
"""Filled by whoever has such doors, so that no user is deactivated or deleted past them."""
