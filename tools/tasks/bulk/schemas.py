"""The shapes of changing many tasks at once."""

from __future__ import annotations

from typing import Annotated, Final, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from shared_models import Payload, Shape
from tools.tasks.schemas import EXAMPLE_ID, Task, TaskPatch

MAX_ITEMS: Final = 200


class BulkItem(Payload):
    """One task and what to change of it. ``version`` is what ``If-Match`` is to one task."""

    id: UUID = Field(examples=[EXAMPLE_ID])
    version: int | None = Field(default=None, ge=1, le=2**31 - 1, examples=[3])
    changes: TaskPatch


class BulkChange(Payload):
    """Either ``items``, each with changes of its own, or ``ids`` with the same ``changes`` for all. Each task once."""

    items: Annotated[list[BulkItem], Field(min_length=1, max_length=MAX_ITEMS)] | None = None
    ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_ITEMS)] | None = None
    changes: TaskPatch | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.items is None) == (self.ids is None) or (self.ids is None) != (self.changes is None):
            raise PydanticCustomError("bulk_form", "Send items, or ids together with changes.")
        chosen = [item.id for item in self.each]
        if len(set(chosen)) < len(chosen):
            raise PydanticCustomError("bulk_twice", "A task is there twice.")
        return self

    @property
    def each(self) -> list[BulkItem]:
        """The changes, task by task."""
        if self.items is not None:
            return self.items
        assert self.changes is not None
        return [BulkItem(id=task_id, changes=self.changes) for task_id in self.ids or ()]


class BulkError(Shape):
    """Why a task was not changed. ``pointer`` leads into ``changes`` where one field is at fault."""

    code: str = Field(examples=["version_conflict"])
    detail: str = Field(examples=["The resource was changed since it was read."])
    pointer: str | None = Field(examples=["/changes/assignee_id"])


class BulkResult(Shape):
    """What became of one task: the status that changing it alone would have had, with the task or the error."""

    id: UUID
    status: int = Field(examples=[200])
    task: Task | None = None
    error: BulkError | None = None


class BulkResults(Shape):
    """One result for each task, in the order in which they were sent."""

    results: list[BulkResult]
