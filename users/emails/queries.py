"""The SQL of proving addresses."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, select, update

from database import ReadUnit, WriteUnit
from users.models import EmailVerificationToken, User


def _usable(digest: bytes, moment: datetime) -> ColumnElement[bool]:
    return and_(
        EmailVerificationToken.digest == digest,
        EmailVerificationToken.used_at.is_(None),
        EmailVerificationToken.expires_at > moment,
    )


async def find_owner(unit: ReadUnit, digest: bytes, moment: datetime) -> UUID | None:
    """Whose unused token this is."""
    found = await unit.execute(select(EmailVerificationToken.user_id).where(_usable(digest, moment)))
    return found.scalar_one_or_none()


async def use_token(unit: WriteUnit, digest: bytes, moment: datetime) -> str | None:
    """Use a token up; answers the address it proves, None when somebody else was first or it expired."""
    used = await unit.execute(
        update(EmailVerificationToken)
        .where(_usable(digest, moment))
        .values(used_at=moment)
        .returning(EmailVerificationToken.email)
    )
    return used.scalar_one_or_none()


async def change_address(
    unit: WriteUnit, user_id: UUID, *, email: str, email_normalized: str, moment: datetime
) -> None:
    """Give a user another address, proven; one that is taken is refused by its unique index."""
    values: dict[str, Any] = {"email": email, "email_normalized": email_normalized, "is_verified": True}
    values |= {"updated_at": moment, "version": User.version + 1}
    await unit.execute(update(User).where(User.id == user_id).values(**values))
