"""What an export can be written as."""

from __future__ import annotations

from enum import StrEnum


class ExportFormat(StrEnum):
    """``ndjson`` and ``json`` prove themselves (docs/audit.md); ``csv`` is for spreadsheets."""

    NDJSON = "ndjson"
    JSON = "json"
    CSV = "csv"

    @property
    def media_type(self) -> str:
        """The file's type (RFC 4180 for CSV)."""
        return {
            ExportFormat.NDJSON: "application/x-ndjson",
            ExportFormat.JSON: "application/json",
            ExportFormat.CSV: "text/csv; charset=utf-8; header=present",
        }[self]
