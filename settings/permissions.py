"""What may be permitted in the settings module."""

from __future__ import annotations

from typing import Final

from shared_auth import Permission, crud

PERMISSIONS: Final = (
    *crud("settings", "settings", "the tenant's settings"),
    *crud("settings", "flags", "feature flags"),
    Permission("flags:evaluate", "settings", "Ask which variant of a feature flag applies"),
    Permission("audit:read", "settings", "Read the audit log"),
    Permission("audit:export", "settings", "Export the audit log"),
    Permission("audit:verify", "settings", "Verify the audit log's chain"),
)
