"""What the outbox worker does for the users module: mails with secrets in them.

A secret is made here, when the mail is sent, and only its digest is stored: neither the outbox nor any other table ever
holds one. A mail that fails is tried again with a new secret.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from common.audit import Target
from common.clock import now
from common.ids import new_id
from common.outbox.queries import Job
from serving.jobs import find_served_tenant, frontend_link, send_mail, write_unit_of
from serving.services import Services
from users.declarations import TIME_ZONE
from users.mailing import queries

RESET_LIFETIME: Final = timedelta(hours=1)
WELCOME_LIFETIME: Final = timedelta(days=7)
VERIFICATION_LIFETIME: Final = timedelta(days=2)


async def send_password_reset(services: Services, job: Job) -> None:
    """A link for setting a new password, if the address belongs to an active user; otherwise nothing."""
    await _send_reset_link(services, job, "password_reset", RESET_LIFETIME)


async def send_welcome(services: Services, job: Job) -> None:
    """A link for setting the first password of an account that somebody else made."""
    await _send_reset_link(services, job, "welcome", WELCOME_LIFETIME)


async def send_email_verification(services: Services, job: Job) -> None:
    """A link that proves that the address is read. The address may be one the user wants to change to."""
    tenant = await find_served_tenant(services, job)
    if tenant is None:
        return
    secret = secrets.token_urlsafe(32)
    async with write_unit_of(services, tenant, job) as unit:
        user = await queries.find_addressee(unit, **_who(job))
        if user is None or not _is_still_wanted(job, user):
            return
        email = str(job.payload.get("email") or user.email)
        moment = now()
        await queries.insert_verification_token(
            unit,
            {
                "id": new_id(),
                "user_id": user.id,
                "email": email,
                "digest": digest_of(secret),
                "created_at": moment,
                "expires_at": moment + VERIFICATION_LIFETIME,
            },
        )
        unit.audit("auth.email.verification_sent", target=Target("user", str(user.id), user.username))
    link = frontend_link(services, "verify-email", tenant, secret)
    await _send(services, "email_verification", to=email, locale=user.locale, user=user, link=link)


async def send_notice(services: Services, job: Job) -> None:
    """A mail without a secret: the template is in the payload, such as ``email_changed`` or ``password_changed``."""
    payload = job.payload
    await send_mail(services, payload["template"], to=payload["to"], locale=payload["locale"], **payload["values"])


async def send_invitation(services: Services, job: Job) -> None:
    """A link for joining, while the invitation is pending."""
    tenant = await find_served_tenant(services, job)
    if tenant is None:
        return
    zone = ZoneInfo((await services.find_settings(tenant))[TIME_ZONE])
    secret = secrets.token_urlsafe(32)
    async with write_unit_of(services, tenant, job) as unit:
        invitation = await queries.renew_invitation(unit, UUID(job.payload["invitation_id"]), digest_of(secret), now())
        if invitation is None:
            unit.audit("users.invitation.mail_skipped", target=Target("invitation", job.payload["invitation_id"]))
            return
        unit.audit("users.invitation.mailed", target=Target("invitation", str(invitation.id), invitation.email))
    await _send(
        services,
        "invitation",
        to=invitation.email,
        locale=invitation.locale,
        link=frontend_link(services, "accept-invitation", tenant, secret),
        tenant=tenant.name.tenant_id,
        until=f"{invitation.expires_at.astimezone(zone):%Y-%m-%d %H:%M} ({zone.key})",
    )


JOB_HANDLERS: Final[Mapping[str, Callable[[Services, Job], Awaitable[None]]]] = {
    "mail.password_reset": send_password_reset,
    "mail.welcome": send_welcome,
    "mail.email_verification": send_email_verification,
    "mail.invitation": send_invitation,
    "mail.notice": send_notice,
}


def digest_of(secret: str) -> bytes:
    """What is stored of a mailed secret. It is random and long, so a plain hash is enough."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


async def _send_reset_link(services: Services, job: Job, template: str, lifetime: timedelta) -> None:
    tenant = await find_served_tenant(services, job)
    if tenant is None:
        return
    secret = secrets.token_urlsafe(32)
    async with write_unit_of(services, tenant, job) as unit:
        user = await queries.find_addressee(unit, **_who(job))
        if user is None:
            return
        moment = now()
        await queries.insert_reset_token(
            unit,
            {
                "id": new_id(),
                "user_id": user.id,
                "digest": digest_of(secret),
                "created_at": moment,
                "expires_at": moment + lifetime,
            },
        )
        unit.audit("auth.password.reset_mailed", target=Target("user", str(user.id), user.username))
    link = frontend_link(services, "reset-password", tenant, secret)
    await _send(services, template, to=user.email, locale=user.locale, user=user, link=link)


def _is_still_wanted(job: Job, user: Row[Any]) -> bool:
    """Whether an address waits for its proof: one to change to only while the password and the address that its order
    was given with are the user's."""
    if "email" not in job.payload:
        return not user.is_verified
    ordered_at = datetime.fromisoformat(job.payload["ordered_at"])
    same_password = user.password_changed_at is None or user.password_changed_at <= ordered_at
    return bool(user.email == job.payload["current"] and same_password)


def _who(job: Job) -> dict[str, Any]:
    if "user_id" in job.payload:
        return {"user_id": UUID(job.payload["user_id"])}
    return {"email_normalized": job.payload["email_normalized"]}


async def _send(services: Services, template: str, *, to: str, locale: str, **values: Any) -> None:
    user = values.pop("user", None)
    if user is not None:
        values["name"] = user.full_name or user.username
    await send_mail(services, template, to=to, locale=locale, **values)
