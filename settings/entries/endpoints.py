"""``/settings``: the tenant's settings, what anybody may see of them, the registry, the history, files."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from common.clock import now
from common.http.answers import named_file
from common.http.openapi import NOT_MODIFIED
from common.http.written import JSON, Header, Written, etag
from common.times import GivenTime
from dependencies import (
    PlainListing,
    ReplicaRead,
    Replying,
    Requires,
    RequiresVisiting,
    Route,
    TenantVisit,
    ThisVisit,
    Write,
)
from serving.visit import Visit
from settings.entries import reading, service, transfers
from settings.entries.schemas import (
    DeclaredSetting,
    SettingCreate,
    SettingPatch,
    SettingReplace,
    SettingsImportReport,
    SettingVersion,
    TransferFormat,
)
from settings.schemas import Key, PublicSetting, Setting, SettingSource
from settings.values.view import Ready
from shared_auth import Principal
from shared_models import Page

router = APIRouter(prefix="/settings", tags=["settings"], route_class=Route)

SettingsVisit = Annotated[Visit, Depends(RequiresVisiting("settings:read"))]
SettingsReader = Annotated[Principal, Depends(Requires("settings:read"))]
SettingsCreator = Annotated[Principal, Depends(Requires("settings:create"))]
SettingsEditor = Annotated[Principal, Depends(Requires("settings:update"))]
SettingsDeleter = Annotated[Principal, Depends(Requires("settings:delete"))]

PUBLIC_CACHE = (b"cache-control", b"private, max-age=10")
MEDIA_TYPES = {TransferFormat.JSON: "application/json", TransferFormat.YAML: "application/yaml"}  # RFC 9512
SETTINGS_FILE = {
    "schema": {
        "type": "object",
        "properties": {
            "settings": {
                "type": "object",
                "description": "By key, objects like those of `POST /settings`.",
                "examples": [{"branding.color": {"value": "#0a6cc4"}}],
            },
        },
        "required": ["settings"],
        "additionalProperties": False,
    },
    "example": {"settings": {"branding.color": {"value": "#0a6cc4"}}},
}
FILE = dict.fromkeys(MEDIA_TYPES.values(), SETTINGS_FILE)
FileFormat = Annotated[TransferFormat, Query(description="How the file is written.")]


def _send(ready: Ready, request: Request, *more: Header) -> Response:
    """An answer that is ready, or 304 for who has it already (RFC 9110 section 13.1.2)."""
    headers = (etag(ready.etag), *more)
    known = request.headers.get("if-none-match")
    if known is not None and ready.may_match:
        tags = {tag.strip().removeprefix("W/") for tag in known.split(",")}
        if ready.etag in tags or "*" in tags:
            return Written(b"", 304, headers)
    return Written(ready.body, headers=(JSON, *headers))


@router.get("", summary="List settings")
async def list_settings(
    visit: SettingsVisit,
    listing: PlainListing,
    reply: Replying,
    source: Annotated[SettingSource | None, Query(description="Whose value is in force.")] = None,
    is_public: Annotated[bool | None, Query()] = None,
) -> Page[Setting]:
    """What is in force for every key: the tenant's value, else the system's, else the default. Sort by `key`; `q`
    searches keys and descriptions."""
    return reply.page(reading.list_settings(visit, listing, source=source, is_public=is_public))


@router.post("", status_code=201, summary="Create a setting")
async def create_setting(
    unit: Write, _actor: SettingsCreator, payload: SettingCreate, visit: ThisVisit, reply: Replying
) -> Setting:
    """A value of the tenant's own, for a new key or one that is known above. `value_type` is needed for a new key."""
    return reply.created(await service.create_setting(unit, visit, payload))


@router.get("/public", summary="Public settings", response_model=Page[PublicSetting], responses=NOT_MODIFIED)
async def get_public_settings(visit: TenantVisit, request: Request) -> Response:
    """The settings with `is_public`, all on one page, for a frontend before anybody has logged in. Its ETag changes
    when any of them does."""
    return _send(reading.view_of(visit).public, request, PUBLIC_CACHE)


@router.get("/registry", summary="List declared settings")
async def list_declared_settings(visit: SettingsVisit, listing: PlainListing, reply: Replying) -> Page[DeclaredSetting]:
    """The keys that the service itself obeys, with their limits and defaults. Sort by `key`."""
    return reply.page(reading.list_declared(visit, listing))


@router.get(
    "/export",
    summary="Export settings",
    response_class=Response,
    responses={200: {"content": FILE, "headers": named_file()}},
)
async def export_settings(
    unit: Write,
    actor: SettingsReader,
    format: FileFormat = TransferFormat.JSON,  # noqa: A002 - the contract's name
) -> Response:
    """The tenant's own values, secrets as `********`: a file that `import` takes."""
    text = await transfers.export_settings(unit, format)
    name = f"settings-{actor.tenant.tenant_id}-{now():%Y-%m-%d}.{format}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, headers=headers, media_type=MEDIA_TYPES[format])


@router.post(
    "/import",
    summary="Import settings",
    openapi_extra={"requestBody": {"required": True, "content": FILE}},
)
async def import_settings(
    unit: Write,
    _actor: SettingsEditor,
    request: Request,
    visit: ThisVisit,
    format: FileFormat = TransferFormat.JSON,  # noqa: A002 - the contract's name
    dry_run: Annotated[bool, Query(description="Only check the file.")] = False,
) -> SettingsImportReport:
    """Creates and updates the keys of the file, all of them or, if one is refused, none; other keys stay as they are. A
    secret that says `********` stays as it is."""
    return await transfers.import_settings(unit, visit, await request.body(), format, dry_run=dry_run)


@router.get("/{key}", summary="Get a setting", response_model=Setting, responses=NOT_MODIFIED)
async def get_setting(visit: SettingsVisit, key: Key, request: Request) -> Response:
    """What is in force, and whose value it is. Answers 304 if `If-None-Match` has the current version, except for a
    default: that comes with the code."""
    return _send(reading.find_ready(visit, key), request)


@router.put("/{key}", summary="Replace a setting")
async def replace_setting(
    unit: Write, _actor: SettingsEditor, key: Key, payload: SettingReplace, visit: ThisVisit, reply: Replying
) -> Setting:
    """Acts within a second, without a restart. A key that the platform or the code know gets a value of the tenant's
    own; 409 `setting_locked` where the platform does not allow that."""
    return reply.tag(await service.replace_setting(unit, visit, key, payload, reply.expected_version))


@router.patch("/{key}", summary="Change some of a setting's fields")
async def update_setting(
    unit: Write, _actor: SettingsEditor, key: Key, payload: SettingPatch, visit: ThisVisit, reply: Replying
) -> Setting:
    """Sets the fields given and leaves the others; `value` is replaced as a whole."""
    return reply.tag(await service.update_setting(unit, visit, key, payload, reply.expected_version))


@router.delete("/{key}", status_code=204, summary="Delete a setting")
async def delete_setting(unit: Write, _actor: SettingsDeleter, key: Key, visit: ThisVisit, reply: Replying) -> None:
    """Takes the tenant's own value away; the system's value or the default counts again."""
    await service.delete_setting(unit, visit, key, reply.expected_version)


@router.get("/{key}/history", summary="History of a setting")
async def list_setting_history(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: ReplicaRead,
    _actor: SettingsReader,
    key: Key,
    visit: ThisVisit,
    listing: PlainListing,
    reply: Replying,
    at: Annotated[GivenTime | None, Query(description="Only the value of this moment.")] = None,
) -> Page[SettingVersion]:
    """Every value that the tenant gave the key, its removals too, newest first. Sort by `version` or `changed_at`.
    With `at` one item, or none if the tenant had given it no value yet."""
    return reply.page(await reading.list_history(unit, visit, key, listing, at=at))
