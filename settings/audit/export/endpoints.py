"""``/settings/audit-logs/export``."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from common.clock import now
from common.http.answers import named_file
from common.http.headers import accepts_gzip
from common.http.openapi import BINARY
from common.http.streaming import Streamed
from dependencies import RequiresVisiting, Route
from serving.visit import Visit
from settings.audit.endpoints import Filters
from settings.audit.export.schemas import AuditExportFormat
from settings.audit.export.service import Wanted, export_log

router = APIRouter(tags=["audit log"], route_class=Route)

AuditExporter = Annotated[Visit, Depends(RequiresVisiting("audit:export"))]
TEXT = {"schema": {"type": "string"}}
ENTRIES = {"schema": {"type": "array", "items": {"type": "object"}}}


@router.get(
    "/settings/audit-logs/export",
    summary="Export the audit log",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The entries, oldest first. One that breaks off without its end is not complete.",
            "content": {
                "application/x-ndjson": TEXT,
                "application/json": ENTRIES,
                "text/csv": TEXT,
                "application/gzip": {"schema": BINARY},
            },
            "headers": named_file(),
        }
    },
)
async def export_audit_logs(
    request: Request,
    visit: AuditExporter,
    filters: Filters,
    format: Annotated[AuditExportFormat, Query()] = AuditExportFormat.NDJSON,  # noqa: A002
    gzip: Annotated[bool, Query(description="A compressed file, whatever `Accept-Encoding` says.")] = False,
) -> StreamingResponse:
    """One snapshot with the filters of the list. `ndjson` and `json` end with a signature and can be proven offline
    (docs/audit.md); in `csv`, cells that a spreadsheet would take for a formula begin with an apostrophe. The export is
    noted in the log, after the snapshot. Only a few run at once: 503 beyond."""
    assert visit.name is not None
    name = f"audit-log-{visit.name.tenant_id}-{now():%Y-%m-%d}.{format.value}{'.gz' if gzip else ''}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Vary": "Accept-Encoding"}
    compressed = gzip or accepts_gzip(request.headers)
    if compressed and not gzip:
        headers["Content-Encoding"] = "gzip"
    return Streamed(
        partial(export_log, visit, Wanted(format, filters)),
        media_type="application/gzip" if gzip else format.media_type,
        headers=headers,
        compressed=compressed,
    )
