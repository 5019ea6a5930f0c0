"""The mail that asks for a review. The secret of its link is made here, when the mail is sent: a mail that fails is
tried again with a new one."""

from __future__ import annotations

from uuid import UUID
from zoneinfo import ZoneInfo

from common.audit import Target
from common.clock import now
from common.outbox.queries import Job
from serving.jobs import find_served_tenant, frontend_link, send_mail, write_unit_of
from serving.services import Services
from tools.reviews.requests import queries
from tools.reviews.requests.tokens import digest_of, new_token
from users import TIME_ZONE


async def send_review_request(services: Services, job: Job) -> None:
    """A link for one review, while the request is pending."""
    tenant = await find_served_tenant(services, job)
    if tenant is None:
        return
    zone = ZoneInfo((await services.find_settings(tenant))[TIME_ZONE])
    token, request_id = new_token(tenant.name), job.payload["request_id"]
    async with write_unit_of(services, tenant, job) as unit:
        request = await queries.renew_request(unit, UUID(request_id), digest_of(token), now())
        if request is None:
            unit.audit("tools.review_request.mail_skipped", target=Target("review_request", request_id))
            return
        unit.audit("tools.review_request.mailed", target=Target("review_request", request_id, request.reviewer_email))
    await send_mail(
        services,
        "review_request",
        to=request.reviewer_email,
        locale=request.locale,
        name=_in_one_line(request.reviewer_name or ""),
        subject=_in_one_line(request.subject_name or f"{request.subject_type} {request.subject_id}"),
        link=frontend_link(services, "review", tenant, token),
        tenant=tenant.name.tenant_id,
        until=f"{request.expires_at.astimezone(zone):%Y-%m-%d %H:%M} ({zone.key})",
    )


def _in_one_line(text: str) -> str:
    """The template's first line is the mail's subject, and no name may be more than its line."""
    return " ".join(text.split())
