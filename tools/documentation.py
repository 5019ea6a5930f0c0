"""What the API's document says of the tools module beside its operations: its tags, and what examples say."""

from __future__ import annotations

from typing import Final

from common.http.examples import MOMENT, id_of
from common.http.openapi import Documentation

STARTS: Final = "2026-12-01T07:00:00Z"
ENDS: Final = "2026-12-01T08:00:00Z"

DOCUMENTATION: Final = Documentation(
    tags={
        "notes": "Texts in Markdown.",
        "tasks": "Things to do: board, series, bulk changes, comments.",
        "calls": "Telephone calls, and their statistics.",
        "attachments": "Files of notes, tasks and other records.",
        "events": "A calendar: recurrence, invitations, iCalendar files and feeds.",
        "reviews": "What customers say: moderation, mailed links, what a website shows.",
        "reminders": "One's own reminders of tasks and events.",
        "timeline": "Everything about one object of another system.",
        "search": "Full text over all tools.",
    },
    examples={
        "Attachment.parent_id": id_of("note"),
        "AttachmentReplace.parent_type": None,  # only with parent_id
        "AttachmentPatch.parent_type": None,
        "TaskMove.status": "in_progress",
        "BulkChange": {"ids": [id_of("task")], "changes": {"status": "done"}},
        "BulkResult.id": id_of("task"),
        "BulkResult.error": None,
        "Task.assignee_id": id_of("user"),
        "Task.due_at": MOMENT,
        "started_at": "2026-03-27T09:00:00Z",  # what is completed is in the past
        "ended_at": "2026-03-27T09:04:00Z",
        "Call.started_at": "2026-03-27T09:00:00Z",
        "Call.status": "completed",
        "CallCreate.status": "completed",
        "CallReplace.status": "completed",
        "Call.notes": "Asks for two aisle seats.",
        "DayOfCalls.day": "2026-11-30",
        "DayOfCalls.by_status": {"completed": 2, "missed": 1},
        "DayOfCalls.by_direction": {"inbound": 3},
        "CallStatistics.first_day": "2026-11-30",
        "CallStatistics.last_day": "2026-11-30",
        "Event.description": "",
        "Event.changed_occurrences": [],
        "Event.exdates": [],
        "Event.uid": "01a2070b@acme.example",
        "Event.starts_at": STARTS,
        "Event.ends_at": ENDS,
        "Occurrence.starts_at": STARTS,
        "Occurrence.ends_at": ENDS,
        "Occurrence.original_starts_at": STARTS,
        "Busy.starts_at": STARTS,
        "Busy.ends_at": ENDS,
        "EventInvitation.starts_at": STARTS,
        "EventInvitation.ends_at": ENDS,
        "EventInvitation.response": "accepted",
        "EventPatch.ends_at": "2026-12-01T10:00:00+02:00",
        "OccurrenceReplace.ends_at": "2026-12-01T10:00:00+02:00",
        "Attendee.response": "accepted",
        "Answer.response": "accepted",
        "EventsImportReport.skipped": 0,
        "EventsImportReport.errors": 0,
        "EntryResult.code": None,
        "FeedWithAddress.id": id_of("Feed"),
        "SubmittedReview.id": id_of("Review"),
        "RemindedRecord.id": id_of("task"),
        "TimelineItem.id": id_of("note"),
        "SearchHit.id": id_of("note"),
    },
)
