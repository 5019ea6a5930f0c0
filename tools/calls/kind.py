"""What a call is among records."""

from __future__ import annotations

from typing import Any, Final

from tools.models import LogCall, LogCallLink
from tools.records.kinds import Kind

_calls: Any = LogCall.__table__

CALL: Final = Kind(
    name="call",
    permission="calls",
    table=_calls,
    links=LogCallLink.__table__,
    title="contact_name",
    text="notes",
    columns=(
        *("direction", "status", "phone_number", "contact_name", "contact_ref", "started_at", "ended_at"),
        *("duration_seconds", "outcome", "notes", "recording_url", "external_id"),
    ),
    searched=("contact_name", "phone_number", "outcome", "notes"),
)
