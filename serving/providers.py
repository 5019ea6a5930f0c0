"""What endpoints receive: the functions behind the aliases of ``dependencies``."""

from __future__ import annotations

from fastapi import Request, Response

from common.http.replies import Reply
from common.registry import Effective
from database import ReadUnit, WriteUnit
from serving.services import Services
from serving.visit import Visit, visit_of


async def services_of(request: Request) -> Services:
    """What the process has one of."""
    return visit_of(request).services


async def settings_of(request: Request) -> Effective:
    """What the visited tenant has set, or what counts where it has not."""
    return visit_of(request).settings


async def this_visit(request: Request) -> Visit:
    """The visit that the guard let in."""
    return visit_of(request)


async def read_unit(request: Request) -> ReadUnit:
    """The unit that the route has opened, to read."""
    unit = visit_of(request).unit
    assert unit is not None
    return unit


async def replica_unit(request: Request) -> ReadUnit:
    """The same, where the replica may answer."""
    return await read_unit(request)


async def write_unit(request: Request) -> WriteUnit:
    """The unit that the route has opened, to change things."""
    unit = visit_of(request).unit
    assert isinstance(unit, WriteUnit)
    return unit


async def reply(request: Request, response: Response) -> Reply:
    """The answer in the making."""
    return Reply(request, response)
