"""What may be permitted in the tools module: on one's own records, on those of one's teams, or on all."""

from __future__ import annotations

from typing import Final

from shared_auth import Permission, crud

PERMISSIONS: Final = (
    *crud("tools", "notes", "notes", levelled=True),
    *crud("tools", "tasks", "tasks", levelled=True),
    *crud("tools", "calls", "call logs", levelled=True),
    *crud("tools", "attachments", "attachments", levelled=True),
    *crud("tools", "events", "calendar events", levelled=True),
    *crud("tools", "reviews", "reviews", levelled=True),
    Permission("reviews:moderate", "tools", "Approve, reject and answer reviews"),
)
