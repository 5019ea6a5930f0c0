"""The data model of the tools module: notes, tasks, calls, attachments, events, reviews, and reminders of them.

A resource's tables refer to those of other modules, never to those of another tool: each can be removed on its own.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, declared_attr, mapped_column
from sqlalchemy.schema import SchemaItem

from common.enums import (
    AttachmentParent,
    AttendeeResponse,
    CallDirection,
    CallStatus,
    EventStatus,
    FeedScope,
    ReminderStatus,
    ReviewStatus,
    TaskPriority,
    TaskStatus,
)
from shared_models import (
    IdMixin,
    TenantBase,
    TimestampMixin,
    VersionMixin,
    at_most,
    digest_of_sha256,
    one_of,
)

LIVING = text("deleted_at IS NULL")
MAX_TAGS = 20
MAX_TAG_LENGTH = 32  # 20 * 32 characters of 4 bytes stay below the 2,704 bytes a GIN key may have
MAX_EXDATES = 500
MAX_REMINDERS = 5
MAX_REMINDER_MINUTES = 28 * 24 * 60
# The languages PostgreSQL 13 and newer can stem, by the first part of a locale. Any other is searched word by word.
SEARCH_LANGUAGES = {
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "fi": "finnish",
    "fr": "french",
    "hu": "hungarian",
    "it": "italian",
    "nl": "dutch",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sv": "swedish",
    "tr": "turkish",
}


def living_index(table: str, *columns: str) -> Index:
    """An index that lists use: they never show deleted rows, so those take no room in it."""
    return Index(f"ix_{table}_{'_'.join(columns)}", *columns, postgresql_where=LIVING)


def record_indexes(table: str) -> tuple[SchemaItem, ...]:
    """The keyset orders that every list offers, for everybody's rows and for one author's; the search; its language."""
    return (
        living_index(table, "created_at", "id"),
        living_index(table, "updated_at", "id"),
        living_index(table, "created_by", "created_at", "id"),
        search_index(table),
        at_most("language", 8),
    )


def tag_rules(table: str) -> tuple[SchemaItem, ...]:
    """Few, short, no NULL among them, found by an index. A CHECK cannot look at each tag, so it limits the sum."""
    longest = MAX_TAGS * MAX_TAG_LENGTH
    return (
        CheckConstraint(f"cardinality(tags) <= {MAX_TAGS}", name="tags_count"),
        CheckConstraint(f"char_length(array_to_string(tags, '')) <= {longest}", name="tags_length"),
        CheckConstraint("array_position(tags, NULL) IS NULL", name="tags_not_null"),
        Index(f"ix_{table}_tags", "tags", postgresql_using="gin", postgresql_where=LIVING),
    )


def search_vector(**weights: str) -> Mapped[str]:
    """The words of a record, made by PostgreSQL whenever a column changes: each as it stands and as its stem in the
    record's language. ``weights`` are columns by A to D (PostgreSQL 12.3.1).

    The language is a row's own and chosen by CASE, because only an expression of constants is immutable.
    """
    cases = " ".join(f"WHEN '{code}' THEN '{name}'::regconfig" for code, name in SEARCH_LANGUAGES.items())
    stemming = f"CASE language {cases} ELSE 'simple'::regconfig END"
    parts = [
        f"setweight(to_tsvector({dictionary}, coalesce({column}, '')), '{weight}')"
        for weight, column in weights.items()
        for dictionary in ("'simple'::regconfig", stemming)
    ]
    return mapped_column(TSVECTOR, Computed(" || ".join(parts), persisted=True))


def search_index(table: str) -> Index:
    """Finds the words of living records."""
    return Index(f"ix_{table}_search", "search", postgresql_using="gin", postgresql_where=LIVING)


class RecordMixin(IdMixin, TimestampMixin, VersionMixin):
    """What all tools have in common. A deleted row stays and can be restored."""

    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    deleted_at: Mapped[datetime | None]
    language: Mapped[str] = mapped_column(server_default="")  # of its words: the tenant's, when it was written


class TagsMixin:
    """Free words to find a record by."""

    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))


def reminder_rules() -> tuple[SchemaItem, ...]:
    """A short list. What is in it, ``tools.reminders.schemas`` says."""
    listed = "jsonb_typeof(reminders) = 'array'"  # the length of anything else is an error
    short = f"CASE WHEN {listed} THEN jsonb_array_length(reminders) <= {MAX_REMINDERS} ELSE false END"
    return (CheckConstraint(short, name="reminders_count"),)


class RemindersMixin:
    """How long before it is due somebody is reminded of a record: ``[{"offset_minutes": 30}]``. Who, when, and whether
    that has happened, ``Reminder`` says."""

    reminders: Mapped[list[dict[str, int]]] = mapped_column(JSONB, server_default=text("'[]'"))


class LinkMixin:
    """References from a record to objects of other services (a booking, a customer): free text, checked by nobody."""

    link_type: Mapped[str] = mapped_column(primary_key=True, sort_order=1)
    link_id: Mapped[str] = mapped_column(primary_key=True, sort_order=2)

    @declared_attr.directive
    def __table_args__(cls) -> tuple[SchemaItem, ...]:  # noqa: N805 - SQLAlchemy calls it with the class
        """The limits, and the index for "everything about this booking"."""
        return (at_most("link_type", 64), at_most("link_id", 128), Index(None, "link_type", "link_id"))


class Note(RecordMixin, TagsMixin, TenantBase):
    """A text in Markdown. A private one is for its author only."""

    __tablename__ = "notes"
    __table_args__ = (
        at_most("title", 200),
        at_most("content", 100_000),
        at_most("color", 32),
        *tag_rules("notes"),
        *record_indexes("notes"),
    )

    title: Mapped[str]
    content: Mapped[str] = mapped_column(server_default="")
    is_pinned: Mapped[bool] = mapped_column(server_default=text("false"))
    is_private: Mapped[bool] = mapped_column(server_default=text("false"))
    color: Mapped[str | None]
    search: Mapped[str] = search_vector(A="title", B="content")


class NoteLink(LinkMixin, TenantBase):
    """What a note is about."""

    __tablename__ = "note_links"

    record_id: Mapped[UUID] = mapped_column(ForeignKey("notes.id", ondelete="CASCADE"), primary_key=True)


# As PostgreSQL writes it, so that a query's expression is found to be the index's: what is never due comes last.
DUE_OR_NEVER = "COALESCE(due_at, 'infinity'::timestamp with time zone)"


class Task(RecordMixin, TagsMixin, RemindersMixin, TenantBase):
    """Something to do. ``position`` orders a board; being a fraction, it lets a task move between two others.

    ``previous_id`` is the task of a series after whose completion this one was made: at most one for each.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        at_most("title", 200),
        at_most("description", 20_000),
        at_most("recurrence", 500),
        one_of("status", list(TaskStatus)),
        one_of("priority", list(TaskPriority)),
        CheckConstraint("(status = 'done') = (completed_at IS NOT NULL)", name="completed_if_done"),
        CheckConstraint("start_at <= due_at", name="starts_before_due"),
        CheckConstraint("parent_id <> id", name="not_its_own_parent"),
        # PostgreSQL sorts NaN above infinity, so this refuses it too.
        CheckConstraint("position > '-Infinity' AND position < 'Infinity'", name="position_finite"),
        *tag_rules("tasks"),
        *reminder_rules(),
        *record_indexes("tasks"),
        Index("ix_tasks_due_at_id", text(DUE_OR_NEVER), "id", postgresql_where=LIVING),
        living_index("tasks", "status", "position", "id"),
        Index("ix_tasks_assignee_id_due_at_id", "assignee_id", text(DUE_OR_NEVER), "id", postgresql_where=LIVING),
        living_index("tasks", "team_id", "created_at", "id"),
        Index(None, "parent_id"),
        Index("uq_tasks_previous_id", "previous_id", unique=True),
    )

    title: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    status: Mapped[str] = mapped_column(server_default=TaskStatus.TODO)
    priority: Mapped[str] = mapped_column(server_default=TaskPriority.MEDIUM)
    assignee_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    team_id: Mapped[UUID | None] = mapped_column(ForeignKey("teams.id", ondelete="SET NULL"))
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("tasks.id", ondelete="SET NULL"))
    start_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    position: Mapped[float] = mapped_column(Double, server_default="0")
    recurrence: Mapped[str | None]
    previous_id: Mapped[UUID | None] = mapped_column(ForeignKey("tasks.id", ondelete="SET NULL"))
    search: Mapped[str] = search_vector(A="title", B="description")


class TaskLink(LinkMixin, TenantBase):
    """What a task is about."""

    __tablename__ = "task_links"

    record_id: Mapped[UUID] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True)


class TaskComment(IdMixin, TimestampMixin, VersionMixin, TenantBase):
    """What somebody said about a task."""

    __tablename__ = "task_comments"
    __table_args__ = (
        at_most("body", 10_000),
        Index(None, "task_id", "created_at", "id"),
        Index(None, "created_by"),
    )

    task_id: Mapped[UUID] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"))
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    body: Mapped[str]


class TaskMention(TenantBase):
    """Whom a comment mentions, or did before it was edited: nobody is told of the same comment twice."""

    __tablename__ = "task_mentions"
    __table_args__ = (Index(None, "user_id"),)

    comment_id: Mapped[UUID] = mapped_column(ForeignKey("task_comments.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    is_current: Mapped[bool] = mapped_column(server_default=text("true"))


class LogCall(RecordMixin, TenantBase):
    """A telephone call, planned or past. ``external_id`` is the telephone system's, so that a replay finds it. One
    without ``started_at`` counts from when it was logged."""

    __tablename__ = "log_calls"
    __table_args__ = (
        one_of("direction", list(CallDirection)),
        one_of("status", list(CallStatus)),
        CheckConstraint("phone_number ~ '^[+][1-9][0-9]{1,14}$'", name="phone_number_e164"),
        CheckConstraint("ended_at >= started_at", name="ends_after_start"),
        CheckConstraint("duration_seconds >= 0", name="duration_not_negative"),
        CheckConstraint("ended_at IS NULL OR started_at IS NOT NULL", name="started_if_ended"),
        CheckConstraint(
            "status NOT IN ('planned', 'cancelled') OR (ended_at IS NULL AND duration_seconds IS NULL)",
            name="not_held_not_ended",
        ),
        at_most("contact_name", 200),
        at_most("contact_ref", 128),
        at_most("outcome", 500),
        at_most("notes", 20_000),
        at_most("recording_url", 2048),
        at_most("external_id", 128),
        *record_indexes("log_calls"),
        Index("ix_log_calls_began_at_id", text("coalesce(started_at, created_at)"), "id", postgresql_where=LIVING),
        living_index("log_calls", "status", "created_at", "id"),
        living_index("log_calls", "phone_number", "created_at", "id"),
        living_index("log_calls", "contact_ref", "created_at", "id"),
        Index("uq_log_calls_external_id", "external_id", unique=True, postgresql_where=LIVING),
    )

    direction: Mapped[str]
    status: Mapped[str]
    phone_number: Mapped[str | None]
    contact_name: Mapped[str | None]
    contact_ref: Mapped[str | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    duration_seconds: Mapped[int | None] = mapped_column(Integer)
    outcome: Mapped[str | None]
    notes: Mapped[str] = mapped_column(server_default="")
    recording_url: Mapped[str | None]
    external_id: Mapped[str | None]
    search: Mapped[str] = search_vector(A="contact_name", B="outcome", C="notes", D="phone_number")


class LogCallLink(LinkMixin, TenantBase):
    """What a call was about."""

    __tablename__ = "log_call_links"

    record_id: Mapped[UUID] = mapped_column(ForeignKey("log_calls.id", ondelete="CASCADE"), primary_key=True)


class AttachmentContent(TenantBase):
    """What files hold, once per tenant, found by its SHA-256. ``file_id`` says where it lies in the storage: an id that
    is never used again, so that removing a content cannot hit the same content uploaded anew."""

    __tablename__ = "attachment_contents"
    __table_args__ = (
        CheckConstraint("octet_length(sha256) = 32", name="sha256_length"),
        CheckConstraint("size_bytes >= 0", name="size_not_negative"),
    )

    sha256: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    file_id: Mapped[UUID] = mapped_column(unique=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)


class AttachmentUsage(TenantBase):
    """One row: how many bytes the contents take, which the quota limits, and when the storage was last swept."""

    __tablename__ = "attachment_usage"
    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        CheckConstraint("used_bytes >= 0", name="used_not_negative"),
    )

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False, server_default="1")
    used_bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")
    swept_at: Mapped[datetime | None]


class Attachment(RecordMixin, TenantBase):
    """A file: a name for a content. The parent is any tool's record."""

    __tablename__ = "attachments"
    __table_args__ = (
        one_of("parent_type", list(AttachmentParent)),
        CheckConstraint("(parent_type IS NULL) = (parent_id IS NULL)", name="parent_whole"),
        CheckConstraint("octet_length(sha256) = 32", name="sha256_length"),
        CheckConstraint("size_bytes >= 0", name="size_not_negative"),
        at_most("file_name", 255),
        at_most("media_type", 127),
        at_most("description", 500),
        *record_indexes("attachments"),
        living_index("attachments", "parent_type", "parent_id", "created_at", "id"),
        Index(None, "sha256"),  # also of deleted rows: the content goes with its last row
        Index("ix_attachments_deleted_at", "deleted_at", postgresql_where=text("deleted_at IS NOT NULL")),
    )

    parent_type: Mapped[str | None]
    parent_id: Mapped[UUID | None]
    file_name: Mapped[str]
    media_type: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[bytes] = mapped_column(ForeignKey("attachment_contents.sha256"))
    description: Mapped[str] = mapped_column(server_default="")
    search: Mapped[str] = search_vector(A="file_name", B="description")


class AttachmentLink(LinkMixin, TenantBase):
    """What a file belongs to."""

    __tablename__ = "attachment_links"

    record_id: Mapped[UUID] = mapped_column(ForeignKey("attachments.id", ondelete="CASCADE"), primary_key=True)


class Event(RecordMixin, RemindersMixin, TenantBase):
    """An appointment, single or recurring (RFC 5545). ``timezone`` is the one in which ``rrule`` keeps its hour."""

    __tablename__ = "events"
    __table_args__ = (
        at_most("title", 200),
        at_most("description", 20_000),
        at_most("location", 500),
        at_most("timezone", 64),
        at_most("rrule", 500),
        at_most("join_url", 2048),
        one_of("status", list(EventStatus)),
        CheckConstraint("ends_at >= starts_at", name="ends_after_start"),
        CheckConstraint(f"cardinality(exdates) <= {MAX_EXDATES}", name="exdates_count"),
        CheckConstraint("array_position(exdates, NULL) IS NULL", name="exdates_not_null"),
        *reminder_rules(),
        *record_indexes("events"),
        at_most("uid", 255),
        CheckConstraint("last_ends_at >= starts_at", name="last_ends_after_start"),
        living_index("events", "starts_at", "id"),
        living_index("events", "ends_at", "id"),
        # From its first beginning to its last end, which may never come: what a calendar looks for by week or month.
        Index(
            "ix_events_span",
            text("tstzrange(starts_at, last_ends_at, '[]')"),
            postgresql_using="gist",
            postgresql_where=LIVING,
        ),
        Index(
            "uq_events_created_by_uid",
            "created_by",
            "uid",
            unique=True,
            postgresql_where=text("deleted_at IS NULL AND uid IS NOT NULL"),
        ),
    )

    title: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    location: Mapped[str | None]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    all_day: Mapped[bool] = mapped_column(server_default=text("false"))
    timezone: Mapped[str] = mapped_column(server_default="UTC")
    rrule: Mapped[str | None]
    exdates: Mapped[list[datetime]] = mapped_column(ARRAY(DateTime(timezone=True)), server_default=text("'{}'"))
    last_ends_at: Mapped[datetime | None]  # when the last occurrence of its rule is over; NULL if that never comes
    status: Mapped[str] = mapped_column(server_default=EventStatus.CONFIRMED)
    join_url: Mapped[str | None]
    uid: Mapped[str | None]  # of the calendar it was imported from, which is asked for once more at times
    search: Mapped[str] = search_vector(A="title", B="description", C="location")


class EventLink(LinkMixin, TenantBase):
    """What an event is about."""

    __tablename__ = "event_links"

    record_id: Mapped[UUID] = mapped_column(ForeignKey("events.id", ondelete="CASCADE"), primary_key=True)


class EventOverride(TenantBase):
    """One occurrence of a recurring event that differs from the others (RECURRENCE-ID, RFC 5545 section 3.8.4.4). What
    is NULL is as in the event."""

    __tablename__ = "event_overrides"
    __table_args__ = (
        at_most("title", 200),
        at_most("location", 500),
        one_of("status", list(EventStatus)),
        CheckConstraint("(starts_at IS NULL) = (ends_at IS NULL)", name="time_whole"),
        CheckConstraint("ends_at >= starts_at", name="ends_after_start"),
        Index(
            "ix_event_overrides_span",
            text("tstzrange(starts_at, ends_at, '[]')"),
            postgresql_using="gist",
            postgresql_where=text("starts_at IS NOT NULL"),
        ),
    )

    event_id: Mapped[UUID] = mapped_column(ForeignKey("events.id", ondelete="CASCADE"), primary_key=True)
    original_starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    title: Mapped[str | None]
    location: Mapped[str | None]
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    status: Mapped[str | None]


class EventAttendee(IdMixin, TenantBase):
    """Somebody invited: a user of the tenant, or an outsider known by address only."""

    __tablename__ = "event_attendees"
    __table_args__ = (
        at_most("email", 254),
        at_most("comment", 500),
        one_of("response", list(AttendeeResponse)),
        digest_of_sha256("answer_digest"),
        CheckConstraint("(user_id IS NULL) <> (email IS NULL)", name="user_or_email"),
        Index("uq_event_attendees_answer_digest", "answer_digest", unique=True),
        Index("uq_event_attendees_event_id_user_id", "event_id", "user_id", unique=True),
        Index("uq_event_attendees_event_id_email", "event_id", text("lower(email)"), unique=True),
        Index(None, "user_id"),
    )

    event_id: Mapped[UUID] = mapped_column(ForeignKey("events.id", ondelete="CASCADE"))
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    email: Mapped[str | None]
    response: Mapped[str] = mapped_column(server_default=AttendeeResponse.NEEDS_ACTION)
    comment: Mapped[str | None]
    responded_at: Mapped[datetime | None]
    answer_digest: Mapped[bytes | None] = mapped_column(LargeBinary)  # of the secret in the newest mail's link


class EventFeed(IdMixin, TenantBase):
    """A calendar that its owner's other programs read by a secret address, of which only the digest is kept."""

    __tablename__ = "event_feeds"
    __table_args__ = (
        at_most("name", 200),
        one_of("scope", list(FeedScope)),
        digest_of_sha256("digest"),
        CheckConstraint("events OR tasks", name="not_empty"),
        Index("uq_event_feeds_digest", "digest", unique=True),
        Index(None, "user_id", "created_at", "id"),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(server_default="")
    scope: Mapped[str] = mapped_column(server_default=FeedScope.MINE)
    events: Mapped[bool] = mapped_column(server_default=text("true"))
    tasks: Mapped[bool] = mapped_column(server_default=text("true"))
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Review(RecordMixin, TenantBase):
    """A customer's opinion about a subject of another service, shown once it is approved."""

    __tablename__ = "reviews"
    __table_args__ = (
        at_most("subject_type", 64),
        at_most("subject_id", 128),
        at_most("title", 200),
        at_most("body", 10_000),
        at_most("reviewer_name", 200),
        at_most("reviewer_email", 254),
        at_most("reply", 10_000),
        at_most("source", 64),
        one_of("status", list(ReviewStatus)),
        CheckConstraint("rating BETWEEN 1 AND 5", name="rating_range"),
        CheckConstraint("(reply IS NULL) = (replied_at IS NULL)", name="replied_at_if_reply"),
        at_most("rejection_reason", 500),
        CheckConstraint("rejection_reason IS NULL OR status IN ('rejected', 'spam')", name="reason_if_rejected"),
        *record_indexes("reviews"),
        living_index("reviews", "subject_type", "subject_id", "status", "created_at", "id"),
        living_index("reviews", "status", "created_at", "id"),
        living_index("reviews", "rating", "id"),
        Index(None, "subject_type", "subject_id"),  # of deleted rows too: what is about a subject is found by it
    )

    subject_type: Mapped[str]
    subject_id: Mapped[str]
    rating: Mapped[int] = mapped_column(SmallInteger)
    title: Mapped[str | None]
    body: Mapped[str] = mapped_column(server_default="")
    reviewer_name: Mapped[str | None]
    reviewer_email: Mapped[str | None]
    status: Mapped[str] = mapped_column(server_default=ReviewStatus.PENDING)
    is_verified: Mapped[bool] = mapped_column(server_default=text("false"))
    reply: Mapped[str | None]
    replied_at: Mapped[datetime | None]
    rejection_reason: Mapped[str | None]
    source: Mapped[str | None]
    search: Mapped[str] = search_vector(A="title", B="body", C="reviewer_name", D="reply")


class ReviewLink(LinkMixin, TenantBase):
    """What else a review is about."""

    __tablename__ = "review_links"

    record_id: Mapped[UUID] = mapped_column(ForeignKey("reviews.id", ondelete="CASCADE"), primary_key=True)


class Reminder(IdMixin, TenantBase):
    """A mail to one person at one moment, about a record of any kind. The row's moment never changes: a record that
    moves gets other rows, so a job knows by the row's id what it was ordered for."""

    __tablename__ = "reminders"
    __table_args__ = (
        at_most("record_type", 32),
        one_of("status", list(ReminderStatus)),
        CheckConstraint(f"offset_minutes BETWEEN 0 AND {MAX_REMINDER_MINUTES}", name="offset_minutes_range"),
        CheckConstraint("(status = 'sent') = (sent_at IS NOT NULL)", name="sent_at_if_sent"),
        Index(
            "uq_reminders_moment",
            *("record_type", "record_id", "user_id", "offset_minutes", "due_at"),
            unique=True,
            postgresql_where=text("status <> 'missed'"),
        ),
        Index(None, "user_id", "due_at", "id"),
        Index(None, "user_id", "created_at", "id"),
    )

    record_type: Mapped[str]
    record_id: Mapped[UUID]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    offset_minutes: Mapped[int] = mapped_column(Integer)
    due_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(server_default=ReminderStatus.PENDING)
    sent_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"))


class ReviewSummary(TenantBase):
    """How many approved, living reviews a subject has of each rating: kept by whoever changes one, in the same
    transaction. ``version`` counts the changes of what is published about the subject, and never begins again."""

    __tablename__ = "review_summaries"
    __table_args__ = (
        at_most("subject_type", 64),
        at_most("subject_id", 128),
        CheckConstraint("least(rating_1, rating_2, rating_3, rating_4, rating_5) >= 0", name="ratings_not_negative"),
    )

    subject_type: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[str] = mapped_column(primary_key=True)
    rating_1: Mapped[int] = mapped_column(Integer, server_default="0")
    rating_2: Mapped[int] = mapped_column(Integer, server_default="0")
    rating_3: Mapped[int] = mapped_column(Integer, server_default="0")
    rating_4: Mapped[int] = mapped_column(Integer, server_default="0")
    rating_5: Mapped[int] = mapped_column(Integer, server_default="0")
    version: Mapped[int] = mapped_column(Integer, server_default="1")


class ReviewRequest(IdMixin, TimestampMixin, VersionMixin, TenantBase):
    """A customer asked for a review by mail. The secret of the link is made when the mail is sent; it is good once."""

    __tablename__ = "review_requests"
    __table_args__ = (
        at_most("subject_type", 64),
        at_most("subject_id", 128),
        at_most("subject_name", 200),
        at_most("reviewer_email", 254),
        at_most("reviewer_name", 200),
        at_most("locale", 35),
        CheckConstraint("lifetime_days BETWEEN 1 AND 365", name="lifetime_days_range"),
        digest_of_sha256("digest"),
        UniqueConstraint("digest"),
        # Nobody is asked twice at a time for the same: one stay, one verified review.
        Index(
            "uq_review_requests_open",
            text("lower(reviewer_email)"),
            "subject_type",
            "subject_id",
            unique=True,
            postgresql_where=text("used_at IS NULL AND revoked_at IS NULL"),
        ),
        Index(None, "created_at", "id"),
        Index(None, "created_by"),
        Index(None, "review_id"),
    )

    subject_type: Mapped[str]
    subject_id: Mapped[str]
    subject_name: Mapped[str | None]
    reviewer_email: Mapped[str]
    reviewer_name: Mapped[str | None]
    locale: Mapped[str]
    lifetime_days: Mapped[int] = mapped_column(SmallInteger)
    digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    review_id: Mapped[UUID | None] = mapped_column(ForeignKey("reviews.id", ondelete="SET NULL"))
