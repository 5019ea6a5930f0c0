"""The shapes of the board."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from common.enums import TaskStatus
from shared_models import Payload, Shape
from tools.records.schemas import NOT_GIVEN
from tools.tasks.schemas import Task


@dataclass(frozen=True, slots=True)
class BoardQuery:
    """What the caller wants of the board. ``limit`` is for each column."""

    limit: int
    q: str | None
    created_after: datetime | None
    created_before: datetime | None


class BoardColumn(Shape):
    """The tasks of one status: how many there are, and the first of them by position."""

    status: TaskStatus
    count: int = Field(ge=0, examples=[12])
    tasks: list[Task]


class Board(Shape):
    """The columns in the order of the statuses; with a filter by status, only those."""

    columns: list[BoardColumn]


class TaskMove(Payload):
    """Where a task goes: right before or right behind another, or with neither to the end of its column."""

    status: TaskStatus = Field(default=NOT_GIVEN, description="The column; left out, the task stays in its own.")
    before_id: UUID | None = None
    after_id: UUID | None = None

    @model_validator(mode="after")
    def _one_neighbour(self) -> Self:
        if self.before_id is not None and self.after_id is not None:
            raise PydanticCustomError("two_neighbours", "Send before_id or after_id, not both.")
        return self
