"""``/users/import`` and ``/users/export``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Query
from fastapi.responses import StreamingResponse

from common.clock import now
from common.http.answers import named_file
from dependencies import Requires, Route, ThisVisit, Write
from shared_auth import Principal
from users.transfers import service
from users.transfers.export import chunks
from users.transfers.export import export_users as write_users
from users.transfers.schemas import UsersExportFormat, UsersImportReport

router = APIRouter(prefix="/users", tags=["users"], route_class=Route)

UsersReader = Annotated[Principal, Depends(Requires("users:read"))]
UsersCreator = Annotated[Principal, Depends(Requires("users:create"))]
CsvFile = Annotated[
    bytes,
    Body(
        media_type="text/csv",
        examples=["email,username,full_name,roles\nmaria@acme.example,maria,Maria Papadaki,member;viewer\n"],
        description="UTF-8, at most 5,000 lines and 2 MiB. Columns: email, username, full_name, phone, locale, "
        "timezone, roles and teams (names, separated by semicolons).",
    ),
]


@router.post("/import", summary="Create users from a CSV file")
async def import_users(
    visit: ThisVisit,
    actor: UsersCreator,
    payload: CsvFile,
    dry_run: Annotated[bool, Query(description="Only check the file.")] = False,
    atomic: Annotated[bool, Query(description="Create all of them or none.")] = False,
) -> UsersImportReport:
    """One result for each line. Without `atomic`, good lines are kept whatever the others are like. The new users get a
    mail with a link for their first password."""
    return await service.import_users(visit, actor, payload, dry_run=dry_run, atomic=atomic)


@router.get(
    "/export",
    summary="Export all users",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "headers": named_file()}},
)
async def export_users(
    unit: Write,
    actor: UsersReader,
    format: Annotated[UsersExportFormat, Query()] = UsersExportFormat.CSV,  # noqa: A002
) -> StreamingResponse:
    """Every living user, in one snapshot. What a spreadsheet would take for a formula begins with an apostrophe."""
    file = await write_users(unit)
    name = f"users-{actor.tenant.tenant_id}-{now():%Y-%m-%d}.{format}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(chunks(file), media_type="text/csv; charset=utf-8; header=present", headers=headers)
