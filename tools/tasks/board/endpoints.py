"""``/tools/tasks/board``, and moving a task on it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from common.paging import DEFAULT_LIMIT, MAX_LIMIT
from common.times import GivenTime
from dependencies import Obeyed, ReplicaRead, Replying, Requires, Route, Write
from serving.listing import MAX_SEARCH_LENGTH
from shared_auth import Principal
from tools.records.endpoints import Filters
from tools.tasks.board import service
from tools.tasks.board.schemas import Board, BoardQuery, TaskMove
from tools.tasks.filters.endpoints import Narrowed
from tools.tasks.schemas import Task
from tools.tasks.service import get_written_task

router = APIRouter(prefix="/tools/tasks", tags=["tasks"], route_class=Route)

TasksReader = Annotated[Principal, Depends(Requires("tasks:read"))]
TasksEditor = Annotated[Principal, Depends(Requires("tasks:update"))]


async def board_query(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Tasks a column.")] = DEFAULT_LIMIT,
    q: Annotated[str | None, Query(max_length=MAX_SEARCH_LENGTH, description="Text to search for.")] = None,
    created_after: GivenTime | None = None,
    created_before: GivenTime | None = None,
) -> BoardQuery:
    """What the caller wants of the board, read from the query."""
    return BoardQuery(limit, q, created_after, created_before)


@router.get("/board", summary="Get the board")
async def get_board(
    unit: ReplicaRead,
    actor: TasksReader,
    query: Annotated[BoardQuery, Depends(board_query)],
    filters: Filters,
    narrowed: Narrowed,
) -> Board:
    """The tasks you may read by status, in the order of the statuses: of each column how many there are, and the first
    `limit` by position. The filters are those of the list, which also has the rest of a column:
    `?status=todo&sort=position`."""
    return await service.get_board(unit, actor, query, narrowed, **filters)


@router.post("/{task_id}/move", summary="Move a task on the board")
async def move_task(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: Write, actor: TasksEditor, task_id: UUID, payload: TaskMove, reply: Replying, settings: Obeyed
) -> Task:
    """Right before or right behind another task, which must be in that column (409 `conflict` if it is not there any
    more), or with neither to the end of the column. Of many moves at once none is lost."""
    await service.move_task(unit, actor, task_id, payload, expected_version=reply.expected_version, settings=settings)
    return reply.tag(await get_written_task(unit, task_id))
