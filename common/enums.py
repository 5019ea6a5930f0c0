"""System-wide enumerations: the values that columns, schemas and clients share.

Adding a value is a change of the contract and of the CHECK constraint that lists it, so it comes with a migration.
"""

from __future__ import annotations

from enum import StrEnum

# -- Settings and audit ---------------------------------------------------------------------------------------------


class SettingType(StrEnum):
    """What a setting's value is. A secret is text that is encrypted at rest and never shown."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    JSON = "json"
    SECRET = "secret"  # noqa: S105 - the name of a type


class FlagState(StrEnum):
    """Whether a feature flag is evaluated at all; flagd's spelling."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


class ActorType(StrEnum):
    """Who did what an audit entry tells of."""

    USER = "user"
    API_KEY = "api_key"
    PLATFORM = "platform"
    SYSTEM = "system"
    ANONYMOUS = "anonymous"


class AuditOutcome(StrEnum):
    """Whether the audited attempt succeeded."""

    SUCCESS = "success"
    FAILURE = "failure"


# -- Tools ----------------------------------------------------------------------------------------------------------


class TaskStatus(StrEnum):
    """Where a task stands; the columns of the board, in its order."""

    TODO = "todo"
    IN_PROGRESS = "in_progress"
    BLOCKED = "blocked"
    DONE = "done"
    CANCELLED = "cancelled"


class TaskPriority(StrEnum):
    """How much a task matters, least first."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    URGENT = "urgent"


class CallDirection(StrEnum):
    """Who rang whom, seen from the tenant."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class CallStatus(StrEnum):
    """How a call ended, or that it is still to come."""

    PLANNED = "planned"
    COMPLETED = "completed"
    MISSED = "missed"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    FAILED = "failed"
    CANCELLED = "cancelled"


class AttachmentParent(StrEnum):
    """The kinds of record a file can belong to; its rights are the parent's."""

    NOTE = "note"
    TASK = "task"
    CALL = "call"
    EVENT = "event"
    REVIEW = "review"


class EventStatus(StrEnum):
    """Whether an event takes place (RFC 5545 section 3.8.1.11)."""

    CONFIRMED = "confirmed"
    TENTATIVE = "tentative"
    CANCELLED = "cancelled"


class AttendeeResponse(StrEnum):
    """What an invited person answered (PARTSTAT, RFC 5545 section 3.2.12)."""

    NEEDS_ACTION = "needs_action"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    TENTATIVE = "tentative"


class FeedScope(StrEnum):
    """Whose records a calendar feed shows: its owner's, or all that he may read."""

    MINE = "mine"
    READABLE = "readable"


class ReviewStatus(StrEnum):
    """What moderation decided; only approved reviews count in a summary."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    SPAM = "spam"


class ReminderStatus(StrEnum):
    """What became of a reminder. One that its record has withdrawn is gone."""

    PENDING = "pending"
    SENT = "sent"
    DISMISSED = "dismissed"
    MISSED = "missed"
