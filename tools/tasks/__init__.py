"""Tasks: what is to be done, by whom and until when; boards, series and comments."""

from __future__ import annotations

from serving.loading import Loader, one_by_one
from tools.records.resource import Resource
from tools.tasks.comments.jobs import send_mention
from tools.tasks.comments.mentions import MAIL
from tools.tasks.endpoints import router
from tools.tasks.kind import TASK
from tools.tasks.schemas import LoadedTask
from tools.tasks.service import load_task

LOADER = Loader(
    "tasks",
    TASK.table,
    LoadedTask,
    one_by_one(load_task),
    references={"assignee_id": "users", "team_id": "teams", "parent_id": "tasks"},
)
RESOURCE = Resource(router, TASK, job_handlers={MAIL: send_mention}, loader=LOADER)

__all__ = ["RESOURCE"]
