"""What an export can be written as."""

from __future__ import annotations

from enum import StrEnum


class AuditExportFormat(StrEnum):
    """``ndjson`` and ``json`` prove themselves (docs/audit.md); ``csv`` is for spreadsheets."""

    NDJSON = "ndjson"
    JSON = "json"
    CSV = "csv"

    @property
    def media_type(self) -> str:
        """The file's type (RFC 4180 for CSV)."""
        return {
            AuditExportFormat.NDJSON: "application/x-ndjson",
            AuditExportFormat.JSON: "application/json",
            AuditExportFormat.CSV: "text/csv; charset=utf-8; header=present",
        }[self]
