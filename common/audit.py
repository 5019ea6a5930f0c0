"""The entries of the audit log, as the code that makes a change writes them down.

The database adds what only it can know: the sequence number, the time under the chain's lock, and the hashes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from common.ids import new_id

NOT_A_CHANGE: Final = {"not_a_change": True}  # execution options of what is written beside what somebody changes
HIDDEN = "********"  # what an audit entry shows of a secret that changed

ActorType = Literal["user", "api_key", "platform", "system", "anonymous"]
Outcome = Literal["success", "failure"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it."""

    type: ActorType
    id: UUID | None = None
    name: str | None = None


ANONYMOUS = Actor("anonymous")
PLATFORM = Actor("platform")


@dataclass(frozen=True, slots=True)
class Target:
    """What it was done to."""

    type: str
    id: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One field's values before and after; secrets appear as ``HIDDEN``."""

    path: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from."""

    request_id: str
    ip_address: str | None = None
    user_agent: str | None = None
    session_id: UUID | None = None


def entry(
    action: str,
    *,
    actor: Actor,
    origin: Origin,
    target: Target | None = None,
    changes: Sequence[Change] = (),
    outcome: Outcome = "success",
    tenant_id: str | None = None,
) -> dict[str, Any]:
    """One audit entry in the form ``audit_append`` takes; only the platform's own log has a place for ``tenant_id``."""
    item = {
        "id": str(new_id()),
        "action": action,
        "actor_type": actor.type,
        "actor_id": _text(actor.id),
        "actor_name": actor.name,
        "target_type": target.type if target else None,
        "target_id": target.id if target else None,
        "target_name": target.name if target else None,
        "changes": [{"path": change.path, "old": change.old, "new": change.new} for change in changes],
        "outcome": outcome,
        "ip_address": origin.ip_address,
        "user_agent": origin.user_agent,
        "request_id": origin.request_id,
        "session_id": _text(origin.session_id),
    }
    return item if tenant_id is None else {**item, "tenant_id": tenant_id}


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any], *, hidden: frozenset[str] = frozenset()
) -> list[Change]:
    """What changed between two states of a record, field by field; fields in ``hidden`` keep their values."""
    changed = [name for name in after if not is_same(before.get(name), after[name])]
    return [
        Change(name, HIDDEN, HIDDEN) if name in hidden else Change(name, _plain(before.get(name)), _plain(after[name]))
        for name in changed
    ]


def is_same(old: Any, new: Any) -> bool:
    """Whether two values are the same to a reader of JSON: Python takes ``True``, ``1`` and ``1.0`` for equal."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return old.keys() == new.keys() and all(is_same(old[name], new[name]) for name in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(is_same, old, new))
    numeric = isinstance(old, int | float) and isinstance(new, int | float)
    return bool(old == new) and (not numeric or type(old) is type(new))


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def _plain(value: Any) -> Any:
    """JSON without floats' surprises: numbers and booleans stay, everything else becomes text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return value.hex() if isinstance(value, bytes) else str(value)
