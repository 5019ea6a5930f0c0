"""The settings module's routers."""

from __future__ import annotations

from common.http.mounting import join
from settings.audit.endpoints import router as audit
from settings.audit.export.endpoints import router as audit_export
from settings.entries.endpoints import router as entries
from settings.feature_flags.endpoints import router as feature_flags
from settings.system.endpoints import router as system

# The tenant's settings come last: theirs is the path that takes any word for a key.
router = join((system, audit_export, audit, feature_flags, entries))
