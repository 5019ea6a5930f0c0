"""Reminders: mails to people about records, at moments that move with these.

Not a tool of its own but a part that tools share, as they share ``tools.records``. A tool with a time to remind of
gives its table ``RemindersMixin`` and its payloads ``schemas.Reminders``; it calls ``service.plan`` whenever that time,
the reminders or the people change, and ``service.cancel`` when there is nothing to be reminded of any more.
"""

from __future__ import annotations

from tools.records.resource import Resource
from tools.reminders.endpoints import router
from tools.reminders.jobs import send_reminder

RESOURCE = Resource(router, job_handlers={"tools.reminder": send_reminder})

__all__ = ["RESOURCE"]
