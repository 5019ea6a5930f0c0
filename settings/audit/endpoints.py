"""``/settings/audit-logs``: reading the audit log, and having it proven."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from common.enums import ActorType, AuditOutcome
from common.http.openapi import problem_responses
from common.times import GivenTime
from dependencies import OperatorVisit, PlainListing, Read, ReplicaRead, Replying, Requires, RequiresVisiting, Route
from serving.visit import Visit
from settings.audit import service
from settings.audit.filters import AuditFilters
from settings.audit.proofs import checkpoint_now, checkpoint_platform, verify_log, verify_platform_log
from settings.audit.schemas import AuditLog, Checkpoint, Verification
from shared_auth import Principal
from shared_models import Page, PlainText

router = APIRouter(tags=["audit log"], route_class=Route)

AuditReader = Annotated[Principal, Depends(Requires("audit:read"))]
AuditVerifier = Annotated[Visit, Depends(RequiresVisiting("audit:verify"))]


async def audit_filters(  # noqa: PLR0917 - FastAPI calls it by keyword
    action: Annotated[
        PlainText | None, Query(max_length=128, description="Exact, or with a trailing `*` what begins so.")
    ] = None,
    actor_id: UUID | None = None,
    actor_type: ActorType | None = None,
    target_type: Annotated[PlainText | None, Query(max_length=64)] = None,
    target_id: Annotated[PlainText | None, Query(max_length=255)] = None,
    outcome: AuditOutcome | None = None,
    since: Annotated[GivenTime | None, Query(alias="from", description="That moment and later.")] = None,
    until: Annotated[GivenTime | None, Query(alias="to", description="Before that moment.")] = None,
    request_id: Annotated[PlainText | None, Query(max_length=128)] = None,
    q: Annotated[str | None, Query(max_length=200, description="Text to search for.")] = None,
) -> AuditFilters:
    """Which entries are wanted; all of the filters must fit."""
    return AuditFilters(
        action=action,
        actor_id=actor_id,
        actor_type=actor_type,
        target_type=target_type,
        target_id=target_id,
        outcome=outcome,
        since=since,
        until=until,
        request_id=request_id,
        q=q,
    )


Filters = Annotated[AuditFilters, Depends(audit_filters)]


@router.get("/settings/audit-logs", summary="List the audit log")
async def list_audit_logs(
    unit: ReplicaRead, _actor: AuditReader, listing: PlainListing, filters: Filters, reply: Replying
) -> Page[AuditLog]:
    """Newest first; `sort=seq` reverses. `q` searches action, names of actor and target, and the target's id."""
    return reply.page(await service.list_entries(unit, listing, filters))


@router.post("/settings/audit-logs/verify", summary="Verify the audit log")
async def verify_audit_log(visit: AuditVerifier) -> Verification:
    """Recomputes every entry's hash, follows the chain, and compares it with the signed checkpoints. `first_break`
    says where it is broken, and how. One log is verified at a time."""
    return await verify_log(visit)


@router.get(
    "/settings/audit-logs/checkpoint", summary="Take a checkpoint of the audit log", responses=problem_responses({409})
)
async def get_audit_checkpoint(visit: AuditVerifier) -> Checkpoint:
    """How long the log is now and where it ends, signed: kept elsewhere, it proves later that nothing up to here was
    changed or cut off. A log that does not fit its own head: 409 `audit_chain_broken`."""
    return await checkpoint_now(visit)


@router.post("/platform/audit-logs/verify", summary="Verify the platform's audit log")
async def verify_platform_audit_log(visit: OperatorVisit) -> Verification:
    """As a tenant's is verified."""
    return await verify_platform_log(visit)


@router.get(
    "/platform/audit-logs/checkpoint",
    summary="Take a checkpoint of the platform's audit log",
    responses=problem_responses({409}),
)
async def get_platform_audit_checkpoint(visit: OperatorVisit) -> Checkpoint:
    """As of a tenant's; `tenant` is `system`. A log that does not fit its own head: 409 `audit_chain_broken`."""
    return await checkpoint_platform(visit.services)


@router.get("/settings/audit-logs/{entry_id}", summary="Get an entry of the audit log")
async def get_audit_log(unit: Read, _actor: AuditReader, entry_id: UUID) -> AuditLog:
    """Entries never change."""
    return await service.get_entry(unit, entry_id)
