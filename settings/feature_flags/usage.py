"""When flags were last evaluated: what nobody asks for any more can go."""

from __future__ import annotations

from typing import Any

from database import Database
from serving.usage.notes import UsageNotes
from settings.models import FeatureFlag

_flags: Any = FeatureFlag.__table__


class FlagUsage(UsageNotes):
    """Notes the evaluations of flags in ``last_evaluated_at``, which counts no version up."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, _flags.c.last_evaluated_at)
