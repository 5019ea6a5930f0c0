"""``/tools/attachments``."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from pydantic import ValidationError
from sqlalchemy import Row
from starlette.requests import ClientDisconnect

from common.enums import AttachmentParent
from common.errors import MultipartInvalid
from common.http.answers import named_file
from common.http.headers import read_path
from common.http.openapi import BINARY, NOT_MODIFIED, problem_responses
from common.http.streaming import Streamed
from database import WriteUnit
from dependencies import (
    Listing,
    Provided,
    Read,
    ReplicaRead,
    Replying,
    Requires,
    RequiresVisiting,
    Route,
    Visit,
    Write,
    answer_once,
    in_unit,
)
from serving.documenting import IDEMPOTENCY_KEY
from shared_auth import Principal
from shared_models import Page
from tools.attachments import sending, service
from tools.attachments.guards import HasAddress, content_addresses
from tools.attachments.kind import ATTACHMENT
from tools.attachments.receiving import Upload, receiving
from tools.attachments.schemas import (
    AddressOrder,
    Attachment,
    AttachmentForm,
    AttachmentPatch,
    AttachmentReplace,
    ContentLink,
    Digest,
)
from tools.records.endpoints import Filters
from tools.records.queries import reach

router = APIRouter(prefix="/tools/attachments", tags=["attachments"], route_class=Route)

AttachmentsReader = Annotated[Principal, Depends(Requires("attachments:read"))]
AttachmentsEditor = Annotated[Principal, Depends(Requires("attachments:update"))]
AttachmentsDeleter = Annotated[Principal, Depends(Requires("attachments:delete"))]
ReadingVisit = Annotated[Visit, Depends(RequiresVisiting("attachments:read"))]
UploadingVisit = Annotated[Visit, Depends(RequiresVisiting("attachments:create"))]
AddressedVisit = Annotated[Visit, Depends(HasAddress())]

USUAL: Final = AddressOrder()
FORM: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["file"],
    "additionalProperties": False,
    "properties": {
        "file": {**BINARY, "description": "The file; its name is made safe."},
        "parent_type": {"type": "string", "enum": list(AttachmentParent), "examples": ["note"]},
        "parent_id": {"type": "string", "format": "uuid", "description": "The record it belongs to."},
        "description": {"type": "string", "maxLength": 500, "examples": ["Signed by the hotel"]},
        "links": {"type": "string", "description": "JSON.", "examples": ['[{"type": "booking", "id": "BK-1"}]']},
    },
}
CONTENT: Final = {"content": {"*/*": {"schema": BINARY}}, "headers": named_file()}  # whatever the file is
SENT: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The whole content", **CONTENT},
    206: {"description": "The part that `Range` asks for", **CONTENT},
    **NOT_MODIFIED,
    **problem_responses([416]),
}


@router.get("", summary="List attachments")
async def list_attachments(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: ReplicaRead,
    actor: AttachmentsReader,
    listing: Listing,
    reply: Replying,
    filters: Filters,
    parent_type: AttachmentParent | None = None,
    parent_id: UUID | None = None,
    media_type: Annotated[str | None, Query(max_length=127, description="Exactly this one.")] = None,
    sha256: Annotated[Digest | None, Query(description="In hexadecimal: has exactly this content.")] = None,
) -> Page[Attachment]:
    """Attachments you may read, the newest first: those of the records you may read, and of your own or your teams'
    what belongs to no record. `q` searches name and description; `related_*` also what their records are about. Sort by
    `created_at`, `updated_at`, `file_name`, `media_type` or `size_bytes`."""
    columns = {
        "parent_type": parent_type,
        "parent_id": parent_id,
        "media_type": media_type,
        "sha256": bytes.fromhex(sha256) if sha256 else None,
    }
    return reply.page(await service.list_attachments(unit, actor, listing, columns=columns, **filters))


@router.post(
    "",
    status_code=201,
    summary="Upload a file",
    response_model=Attachment,
    responses=problem_responses([408, 409, 413, 415]),
    openapi_extra={
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": FORM}}},
        "parameters": [IDEMPOTENCY_KEY],
    },
)
async def create_attachment(visit: UploadingVisit, request: Request) -> Response:
    """Streamed: nothing is kept of an upload that breaks off or is refused. Its type is found out from its first bytes
    and must be one that the tenant accepts. To attach it to a record, you must be allowed to change that."""
    content_type = request.headers.get("content-type")
    async with receiving(visit, content_type, _body_of(request), _read_fields) as upload:
        act = partial(_create, visit, upload)
        return await in_unit(partial(answer_once, body=upload.identity, act=act), WriteUnit, request)


@router.get("/content", summary="Get a content by its address", response_class=StreamingResponse, responses=SENT)
async def get_addressed_content(
    visit: AddressedVisit,
    request: Request,
    token: Annotated[str, Query(max_length=256, description="The secret of the address.")],
) -> StreamingResponse:
    """For whoever has an address that `link` gave out, without credential or tenant header, until it expires or the
    attachment is deleted."""
    address = content_addresses(visit.services).verify(token, time.time())
    return _send(visit, request, await sending.find_content(visit, address.attachment_id))


@router.get("/{attachment_id}", summary="Get an attachment")
async def get_attachment(unit: Read, actor: AttachmentsReader, attachment_id: UUID, reply: Replying) -> Attachment:
    """What is known of the file. Answers 304 if `If-None-Match` has the current version."""
    return reply.tag(await service.get_attachment(unit, actor, attachment_id))


@router.put("/{attachment_id}", summary="Replace an attachment's fields")
async def replace_attachment(
    unit: Write, actor: AttachmentsEditor, attachment_id: UUID, payload: AttachmentReplace, reply: Replying
) -> Attachment:
    """Sets every editable field; what is left out gets its default. The content stays as it is."""
    return reply.tag(await service.change_attachment(unit, actor, attachment_id, payload, reply.expected_version))


@router.patch("/{attachment_id}", summary="Change some of an attachment's fields")
async def update_attachment(
    unit: Write, actor: AttachmentsEditor, attachment_id: UUID, payload: AttachmentPatch, reply: Replying
) -> Attachment:
    """Sets the fields given. To move a file you must be allowed to change the record it comes from and the one it goes
    to."""
    return reply.tag(await service.change_attachment(unit, actor, attachment_id, payload, reply.expected_version))


@router.delete("/{attachment_id}", status_code=204, summary="Delete an attachment")
async def delete_attachment(unit: Write, actor: AttachmentsDeleter, attachment_id: UUID, reply: Replying) -> None:
    """It can be restored until `attachments.retention_days` have passed; then its content is removed too."""
    await service.delete_attachment(unit, actor, attachment_id, reply.expected_version)


@router.post("/{attachment_id}/restore", summary="Restore a deleted attachment")
async def restore_attachment(
    unit: Write, actor: AttachmentsDeleter, attachment_id: UUID, reply: Replying
) -> Attachment:
    """For whoever may delete it. 404 unless it is deleted."""
    return reply.tag(await service.restore_attachment(unit, actor, attachment_id))


@router.get(
    "/{attachment_id}/content", summary="Get an attachment's content", response_class=StreamingResponse, responses=SENT
)
async def get_attachment_content(visit: ReadingVisit, request: Request, attachment_id: UUID) -> StreamingResponse:
    """To be saved, not shown. Takes one `Range`, and `If-None-Match` with the content's own ETag, its SHA-256."""
    assert visit.principal is not None
    reached = reach(ATTACHMENT, visit.principal, "read")
    return _send(visit, request, await sending.find_content(visit, attachment_id, reached))


@router.post("/{attachment_id}/link", summary="Get an address of the content")
async def create_attachment_link(
    unit: Write,
    actor: AttachmentsReader,
    attachment_id: UUID,
    services: Provided,
    payload: AddressOrder = USUAL,
) -> ContentLink:
    """Good for anybody for some minutes, so that a browser can load it without headers."""
    addresses = content_addresses(services)
    return await service.issue_address(unit, actor, attachment_id, addresses, payload.expires_in_seconds)


async def _create(visit: Visit, upload: Upload, request: Request) -> Response:
    assert isinstance(visit.unit, WriteUnit)
    assert visit.principal is not None
    folder = visit.services.storage.folder(visit.principal.tenant)
    made = await service.create_attachment(visit.unit, visit.principal, upload, visit.settings, folder)
    headers = {"Location": f"{read_path(request.scope)}/{made.id}", "ETag": f'"v{made.version}"'}
    return Response(made.model_dump_json(), 201, headers, "application/json")


async def _body_of(request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect:
        raise MultipartInvalid("The upload broke off.") from None


def _read_fields(fields: Mapping[str, str]) -> AttachmentForm:
    try:
        return AttachmentForm.model_validate(fields)
    except ValidationError as error:
        raise RequestValidationError([{**item, "loc": ("body", *item["loc"])} for item in error.errors()]) from None


def _send(visit: Visit, request: Request, row: Row[Any]) -> StreamingResponse:
    part = sending.choose(visit, row, request.headers, has_range=not getattr(request.state, "is_head", False))
    headers = {**sending.headers_of(row), **part.headers}
    answer = Streamed(sending.producer(visit, row, part), media_type=headers["Content-Type"], headers=headers)
    answer.status_code = 200 if part.is_whole else 206
    return answer
