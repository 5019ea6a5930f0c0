"""Tasks: what is to be done, by whom and until when; boards, series and comments."""

from __future__ import annotations

from tools.records.resource import Resource
from tools.tasks.comments.jobs import send_mention
from tools.tasks.comments.mentions import MAIL
from tools.tasks.endpoints import router
from tools.tasks.kind import TASK

RESOURCE = Resource(router, TASK, job_handlers={MAIL: send_mention})

__all__ = ["RESOURCE"]
