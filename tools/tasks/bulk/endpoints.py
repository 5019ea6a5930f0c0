"""``/tools/tasks/bulk``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from common.http.problems import status_of
from dependencies import Obeyed, Requires, Route, Write
from shared_auth import Principal
from tools.tasks.bulk import service
from tools.tasks.bulk.schemas import BulkChange, BulkError, BulkResult, BulkResults
from tools.tasks.bulk.service import Outcome

router = APIRouter(prefix="/tools/tasks", tags=["tasks"], route_class=Route)

TasksEditor = Annotated[Principal, Depends(Requires("tasks:update"))]


@router.post("/bulk", summary="Change many tasks at once")
async def change_tasks(unit: Write, actor: TasksEditor, payload: BulkChange, settings: Obeyed) -> BulkResults:
    """Up to 200 tasks, each by itself: 200 with one result for each, whether it was changed or not. A result's `status`
    is that which changing this task alone would have had. A body that is no such list changes nothing: 422."""
    outcomes = await service.change_tasks(unit, actor, payload, settings)
    return BulkResults(results=[_result(outcome) for outcome in outcomes])


def _result(outcome: Outcome) -> BulkResult:
    error = outcome.error
    if error is None:
        return BulkResult(id=outcome.task_id, status=200, task=outcome.task)
    pointer = "/changes" + error.pointer.removeprefix("/body") if error.pointer else None
    told = BulkError(code=error.code, detail=error.detail, pointer=pointer)
    return BulkResult(id=outcome.task_id, status=status_of(type(error)), error=told)
