"""What the rest of the module orders of the mail: links and notices, sent once the ordering transaction is durable."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from common.clock import now
from database import WriteUnit
from users.mailing import queries


def order_reset_link(unit: WriteUnit, email_normalized: str) -> None:
    """A link for a new password, if the address is an active user's; the order does not say whether it is."""
    unit.enqueue("mail.password_reset", {"email_normalized": email_normalized})


def order_reset_link_for(unit: WriteUnit, user_id: UUID) -> None:
    """A link for a new password, for a user."""
    unit.enqueue("mail.password_reset", {"user_id": str(user_id)})


def order_welcome(unit: WriteUnit, user_id: UUID) -> None:
    """A link for the first password of an account that somebody else made."""
    unit.enqueue("mail.welcome", {"user_id": str(user_id)})


def order_verification(unit: WriteUnit, user_id: UUID) -> None:
    """A link that proves the address a user has."""
    unit.enqueue("mail.email_verification", {"user_id": str(user_id)})


def order_verification_of(unit: WriteUnit, email_normalized: str) -> None:
    """The same by address, if it is an active user's and not proven yet; the order does not say whether it is."""
    unit.enqueue("mail.email_verification", {"email_normalized": email_normalized})


def order_email_change(unit: WriteUnit, user_id: UUID, *, current: str, new: str) -> None:
    """A link, sent to the new address, that makes it the user's; void if password or address change before."""
    payload = {"user_id": str(user_id), "email": new, "current": current, "ordered_at": now().isoformat()}
    unit.enqueue("mail.email_verification", payload)


def order_invitation(unit: WriteUnit, invitation_id: UUID) -> None:
    """A link for joining."""
    unit.enqueue("mail.invitation", {"invitation_id": str(invitation_id)})


def order_notice(unit: WriteUnit, template: str, user: Mapping[str, Any], **values: str) -> None:
    """A mail without a link, to the address that ``user`` tells, with names and locale."""
    values["name"] = user["full_name"] or user["username"]
    payload = {"template": template, "to": user["email"], "locale": user["locale"], "values": values}
    unit.enqueue("mail.notice", payload)


async def cancel_links(unit: WriteUnit, user_id: UUID, moment: datetime, *, proving: str | None = None) -> None:
    """Make the mailed links of a user worthless, save those that prove the address ``proving``.

    Whoever had the old password or the old address may have asked for them.
    """
    await queries.end_reset_tokens(unit, user_id, moment)
    await queries.end_verification_tokens(unit, user_id, moment, other_than=proving)
