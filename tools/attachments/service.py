"""The rules of attachments. Whoever may change a record may attach to it, and change what is attached to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.clock import now
from common.enums import AttachmentParent
from common.errors import PermissionDenied, QuotaExceeded, UnknownReference, Unprocessable
from common.paging import ListQuery
from common.registry import Effective
from common.storage import Folder
from database import ReadUnit, WriteUnit
from serving.loading import Past
from shared_auth import Principal
from shared_models import Page, page_of
from tools.attachments import queries
from tools.attachments.addresses import ContentAddress, ContentAddresses
from tools.attachments.kind import ATTACHMENT
from tools.attachments.receiving import Upload
from tools.attachments.schemas import Attachment, AttachmentPatch, AttachmentReplace, ContentLink
from tools.declarations import ATTACHMENT_QUOTA
from tools.records import service
from tools.records.kinds import KINDS
from tools.records.queries import exactly, list_records, order_of, record_conditions
from tools.records.schemas import fields_of
from tools.records.single import find_any_record

ORDER = order_of(ATTACHMENT, "file_name", "media_type", "size_bytes")
CONTENT_PATH = "/api/v1/tools/attachments/content"


async def list_attachments(
    unit: ReadUnit,
    actor: Principal,
    query: ListQuery,
    *,
    columns: Mapping[str, Any],
    deleted: bool,
    **filters: Any,
) -> Page[Attachment]:
    """A page of attachments. ``columns`` are what some must be equal to."""
    conditions = [*record_conditions(ATTACHMENT, query, **filters), *exactly(ATTACHMENT.table.c, **columns)]
    found = await list_records(unit, ATTACHMENT, actor, query, order=ORDER, conditions=conditions, deleted=deleted)
    return page_of(Attachment, found)


async def get_attachment(unit: ReadUnit, actor: Principal, attachment_id: UUID) -> Attachment:
    """One attachment. Raises NotFound."""
    return Attachment.model_validate(await service.get_record(unit, ATTACHMENT, actor, attachment_id))


async def create_attachment(  # noqa: PLR0917 - who, what, by which settings, where it lies, and since when
    unit: WriteUnit,
    actor: Principal,
    upload: Upload,
    settings: Effective,
    folder: Folder,
    past: Past | None = None,
) -> Attachment:
    """Keep what was received. A content that the tenant has already is not kept twice, and takes no room. Raises
    UnknownReference, PermissionDenied or QuotaExceeded."""
    form = upload.form.model_dump(exclude={"file"})
    private = await _check_parent(unit, actor, form["parent_type"], form["parent_id"])
    await _keep_content(unit, upload, settings[ATTACHMENT_QUOTA], folder)
    values = {
        **form,
        "file_name": upload.form.file,
        "media_type": upload.media_type,
        "size_bytes": upload.size,
        "sha256": upload.sha256,
    }
    attachment_id = await service.create_record(
        unit, ATTACHMENT, values, settings, created_by=actor.user_id, private=private, past=past
    )
    return Attachment.model_validate(await service.get_written(unit, ATTACHMENT, attachment_id))


async def change_attachment(
    unit: WriteUnit,
    actor: Principal,
    attachment_id: UUID,
    payload: AttachmentReplace | AttachmentPatch,
    expected_version: int | None,
) -> Attachment:
    """Set all editable fields, or those of a patch."""
    values = fields_of(payload)
    before = await service.begin_change(unit, ATTACHMENT, actor, attachment_id, expected_version=expected_version)
    private = await _is_private(unit, before)
    parent = (values.get("parent_type", before.parent_type), values.get("parent_id", before.parent_id))
    if parent != (before.parent_type, before.parent_id):
        private = await _check_parent(unit, actor, *parent) or private
    await service.finish_change(unit, ATTACHMENT, before, values, private=private)
    return Attachment.model_validate(await service.get_written(unit, ATTACHMENT, attachment_id))


async def delete_attachment(
    unit: WriteUnit, actor: Principal, attachment_id: UUID, expected_version: int | None
) -> None:
    """Delete an attachment, which can be restored until the tenant's time for that is over."""
    private = await _is_private(unit, await _find_any(unit, attachment_id))
    await service.delete_record(unit, ATTACHMENT, actor, attachment_id, expected_version, private=private)


async def restore_attachment(unit: WriteUnit, actor: Principal, attachment_id: UUID) -> Attachment:
    """Bring a deleted attachment back."""
    private = await _is_private(unit, await _find_any(unit, attachment_id))
    await service.restore_record(unit, ATTACHMENT, actor, attachment_id, private=private)
    return Attachment.model_validate(await service.get_written(unit, ATTACHMENT, attachment_id))


async def issue_address(
    unit: WriteUnit, actor: Principal, attachment_id: UUID, addresses: ContentAddresses, seconds: int
) -> ContentLink:
    """An address of the content that needs no credential. Raises NotFound."""
    row = await service.get_record(unit, ATTACHMENT, actor, attachment_id)
    expires_at = (now() + timedelta(seconds=seconds)).replace(microsecond=0)
    address = ContentAddress(actor.tenant, attachment_id, int(expires_at.timestamp()))
    private = await _is_private(unit, row)
    service.audit_record(unit, ATTACHMENT, "address_issued", attachment_id, title=row.file_name, private=private)
    return ContentLink(url=f"{CONTENT_PATH}?token={addresses.issue(address)}", expires_at=expires_at)


async def _check_parent(
    unit: ReadUnit, actor: Principal, parent_type: AttachmentParent | None, parent_id: UUID | None
) -> bool:
    """Whether the record that something is to be attached to is private. Raises UnknownReference for one that the actor
    cannot see, and PermissionDenied for one that he may only see."""
    if parent_type is None and parent_id is None:
        return False
    if parent_type is None or parent_id is None:
        raise Unprocessable("A parent is given by parent_type and parent_id, both.", pointer="/body/parent_id")
    kind = KINDS.get(parent_type)
    row = await queries.find_parent(unit, kind, actor, parent_id) if kind is not None else None
    if kind is None or row is None:
        raise UnknownReference(f"There is no such {parent_type}.", pointer="/body/parent_id")
    if not row.reached:
        permission = kind.needs("update")
        raise PermissionDenied(f"Your permission {permission} does not reach this {kind.name}.", permission=permission)
    return bool(row.private)


async def _keep_content(unit: WriteUnit, upload: Upload, quota: int, folder: Folder) -> None:
    """Keep the content, unless there is the same already; one that the storage has lost is there again."""
    file_id = await queries.claim_content(unit, upload.sha256, upload.file_id, upload.size)
    upload.is_needed = file_id == upload.file_id
    if upload.is_needed:
        if not await queries.reserve(unit, upload.size, quota):
            raise QuotaExceeded
    elif not await folder.has(file_id):
        await queries.move_content(unit, upload.sha256, upload.file_id)
        upload.is_needed = True


async def _find_any(unit: ReadUnit, attachment_id: UUID) -> Row[Any] | None:
    return await find_any_record(unit, ATTACHMENT, attachment_id)


async def _is_private(unit: ReadUnit, row: Row[Any] | None) -> bool:
    """Whether an attachment's parent is private, so that not even the audit log may tell what it is called."""
    kind = KINDS.get(row.parent_type) if row is not None and row.parent_type is not None else None
    return kind is not None and row is not None and await queries.is_private(unit, kind, row.parent_id)
