"""The SQL of invitations."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, case, exists, insert, literal, select, update

from common.clock import now
from common.paging import AnySelect, ListQuery, Order, Slice, contains, created_within, fetch_slice
from database import ReadUnit, WriteUnit
from users.invitations.schemas import InvitationStatus
from users.models import Invitation, User

_columns: Any = Invitation.__table__.c
ORDER: Final = Order(
    fields={
        "created_at": _columns.created_at,
        "expires_at": _columns.expires_at,
        "email": _columns.email_normalized,
    },
    identity=_columns.id,
)
_OPEN: Final = and_(Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None))


def _status() -> ColumnElement[str]:
    return case(
        (Invitation.accepted_at.is_not(None), literal(InvitationStatus.ACCEPTED.value)),
        (Invitation.revoked_at.is_not(None), literal(InvitationStatus.REVOKED.value)),
        (Invitation.expires_at <= literal(now()), literal(InvitationStatus.EXPIRED.value)),
        else_=literal(InvitationStatus.PENDING.value),
    )


def _invitations() -> AnySelect:
    """In the columns of the schema ``Invitation``."""
    return select(
        Invitation.id,
        Invitation.email,
        Invitation.locale,
        Invitation.role_ids,
        Invitation.team_ids,
        _status().label("status"),
        Invitation.invited_by,
        Invitation.expires_at,
        Invitation.accepted_at,
        Invitation.revoked_at,
        Invitation.user_id,
        Invitation.created_at,
        Invitation.updated_at,
        Invitation.version,
    )


async def find_invitation(unit: ReadUnit, invitation_id: UUID) -> Row[Any] | None:
    """One invitation."""
    return (await unit.execute(_invitations().where(Invitation.id == invitation_id))).one_or_none()


async def list_invitations(unit: ReadUnit, query: ListQuery, status: InvitationStatus | None) -> Slice:
    """A page of invitations."""
    statement = _invitations().where(created_within(_columns.created_at, query))
    if status is not None:
        statement = statement.where(_status() == status.value)
    if query.q:
        statement = statement.where(contains(query.q, _columns.email))
    return await fetch_slice(unit, statement, ORDER, query)


async def is_member(unit: ReadUnit, email_normalized: str) -> bool:
    """Whether a living user has this address."""
    taken = exists().where(User.email_normalized == email_normalized, User.deleted_at.is_(None))
    return bool((await unit.execute(select(taken))).scalar_one())


async def close_expired(unit: WriteUnit, email_normalized: str, moment: datetime) -> None:
    """Revoke what has expired, so that the address can be invited again."""
    await unit.execute(
        update(Invitation)
        .where(Invitation.email_normalized == email_normalized, _OPEN, Invitation.expires_at <= moment)
        .values(revoked_at=moment, updated_at=moment, version=Invitation.version + 1)
    )


async def insert_invitation(unit: WriteUnit, values: Mapping[str, Any]) -> None:
    """A new row; an address that is invited already is refused by its unique index."""
    await unit.execute(insert(Invitation).values(**values))


async def lock_invitation(unit: WriteUnit, invitation_id: UUID) -> Row[Any] | None:
    """What decides about an invitation, locked against other changes until COMMIT."""
    found = await unit.execute(
        select(
            Invitation.email,
            Invitation.email_normalized,
            Invitation.role_ids,
            Invitation.team_ids,
            Invitation.accepted_at,
            Invitation.revoked_at,
            Invitation.version,
        )
        .where(Invitation.id == invitation_id)
        .with_for_update()
    )
    return found.one_or_none()


async def update_invitation(unit: WriteUnit, invitation_id: UUID, values: Mapping[str, Any]) -> None:
    """Set fields and count the version up."""
    await unit.execute(
        update(Invitation).where(Invitation.id == invitation_id).values(**values, version=Invitation.version + 1)
    )


def _acceptable(digest: bytes, moment: datetime) -> ColumnElement[bool]:
    return and_(Invitation.digest == digest, _OPEN, Invitation.expires_at > moment)


async def find_acceptable(unit: ReadUnit, digest: bytes, moment: datetime) -> Row[Any] | None:
    """The address that the holder of a token was invited by."""
    return (await unit.execute(select(Invitation.email).where(_acceptable(digest, moment)))).one_or_none()


async def accept_invitation(unit: WriteUnit, digest: bytes, moment: datetime) -> Row[Any] | None:
    """Use an invitation up; None when somebody else was first, or it expired or was revoked."""
    used = await unit.execute(
        update(Invitation)
        .where(_acceptable(digest, moment))
        .values(accepted_at=moment, updated_at=moment, version=Invitation.version + 1)
        .returning(
            Invitation.id,
            Invitation.email,
            Invitation.email_normalized,
            Invitation.locale,
            Invitation.role_ids,
            Invitation.team_ids,
            Invitation.invited_by,
        )
    )
    return used.one_or_none()


async def note_acceptor(unit: WriteUnit, invitation_id: UUID, user_id: UUID) -> None:
    """Remember who accepted."""
    await unit.execute(update(Invitation).where(Invitation.id == invitation_id).values(user_id=user_id))
