"""When API keys were last used."""

from __future__ import annotations

from typing import Any

from database import Database
from serving.usage.notes import UsageNotes
from users.models import ApiKey

_keys: Any = ApiKey.__table__


class KeyUsage(UsageNotes):
    """Notes the uses of API keys in ``last_used_at``."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, _keys.c.last_used_at)
