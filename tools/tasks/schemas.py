"""The shapes of tasks."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from common.enums import TaskPriority, TaskStatus
from common.times import Moment
from shared_models import Payload, PlainText, Shape, Timestamp
from tools.records.schemas import NOT_GIVEN, Links, Patch, Record, Tags, Title
from tools.reminders.schemas import Reminder, Reminders
from tools.tasks.recurrence.rules import read_rule

EXAMPLE_ID: Final = "01a2070b-d702-75af-a80e-ace08e3a517f"

TaskTitle = Annotated[Title, Field(examples=["Confirm the transfer"])]
Description = Annotated[
    PlainText,
    StringConstraints(max_length=20_000, strip_whitespace=False),
    Field(examples=["Call the driver the day before."]),
]
# Far below 2^53: two positions that differ by a thousandth are still told apart.
Position = Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False, examples=[1024.0])]


def _as_rule(text: str) -> str:
    try:
        return read_rule(text).text
    except ValueError as error:
        raise PydanticCustomError("recurrence_invalid", "{reason}", {"reason": str(error)}) from None


Recurrence = Annotated[
    PlainText,
    StringConstraints(min_length=1, max_length=500),
    AfterValidator(_as_rule),
    Field(
        examples=["FREQ=WEEKLY;BYDAY=MO"],
        description="An RFC 5545 RRULE of whole days, by the tenant's clock: FREQ is DAILY, WEEKLY, MONTHLY or YEARLY.",
    ),
]
TaskReminders = Annotated[
    Reminders, Field(description="Mails so long before it is due, to the assignee or else to who made it.")
]
UserRef = Annotated[UUID, Field(examples=[EXAMPLE_ID])]


class Subtasks(Shape):
    """How many tasks are right below a task."""

    total: int = Field(examples=[3])
    done: int = Field(examples=[1])


class Task(Record):
    """Something to do. ``is_overdue``, ``subtasks`` and ``next_id`` are found out whenever it is read; they are not
    part of what ``version`` counts the changes of."""

    title: str = Field(examples=["Confirm the transfer"])
    description: str = Field(examples=["Call the driver the day before."])
    status: TaskStatus
    priority: TaskPriority
    assignee_id: UUID | None
    team_id: UUID | None
    start_at: Timestamp | None
    due_at: Timestamp | None
    completed_at: Timestamp | None = Field(description="When `status` became `done`; set by the server.")
    is_overdue: bool = Field(description="Due before now, and neither done nor cancelled.")
    parent_id: UUID | None
    subtasks: Subtasks
    position: float = Field(examples=[1024.0], description="Its place in its column of the board.")
    tags: list[str] = Field(examples=[["vip"]])
    recurrence: str | None = Field(examples=["FREQ=WEEKLY;BYDAY=MO"])
    reminders: list[Reminder]
    previous_id: UUID | None = Field(description="The task of the series that was completed before this one was made.")
    next_id: UUID | None = Field(description="The task of the series that was made when this one was completed.")


class TaskReplace(Payload):
    """All editable fields. What is left out gets its default; ``position`` stays as it is."""

    title: TaskTitle
    description: Description = ""
    status: TaskStatus = TaskStatus.TODO
    priority: TaskPriority = TaskPriority.MEDIUM
    assignee_id: UserRef | None = None
    team_id: UUID | None = None
    start_at: Moment | None = None
    due_at: Moment | None = None
    parent_id: UUID | None = None
    position: Position | None = Field(default=None, description="Left out, a new task comes last in its column.")
    recurrence: Recurrence | None = None
    reminders: TaskReminders = Field(default_factory=list)
    tags: Tags = Field(default_factory=list)
    links: Links = Field(default_factory=list)


class TaskCreate(TaskReplace):
    """A new task."""


class LoadedTask(TaskCreate):
    """A task of another system, which also knows when it was done."""

    completed_at: Moment | None = None


class TaskPatch(Patch):
    """Only the fields to change; ``tags`` and ``links`` are replaced as a whole."""

    title: TaskTitle = NOT_GIVEN
    description: Description = NOT_GIVEN
    status: TaskStatus = NOT_GIVEN
    priority: TaskPriority = NOT_GIVEN
    assignee_id: UserRef | None = None
    team_id: UUID | None = None
    start_at: Moment | None = None
    due_at: Moment | None = None
    parent_id: UUID | None = None
    position: Position = NOT_GIVEN
    recurrence: Recurrence | None = None
    reminders: TaskReminders = NOT_GIVEN
    tags: Tags = NOT_GIVEN
    links: Links = NOT_GIVEN
