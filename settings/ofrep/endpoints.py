"""``/ofrep/v1``: what OpenFeature clients ask."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from common.http.event_stream import EventStream
from common.http.written import JSON, Written, etag
from dependencies import Route
from serving.visit import Visit
from settings.ofrep import service
from settings.ofrep.guards import MayEvaluate, MayListen
from settings.ofrep.schemas import (
    CONDITIONS,
    EVENTS,
    FAILURES,
    NOT_MODIFIED,
    REQUEST,
    BulkEvaluation,
    EvaluationSuccess,
)
from settings.ofrep.streams import prepare_stream

router = APIRouter(prefix="/ofrep/v1", tags=["ofrep"], route_class=Route)

Evaluating = Annotated[Visit, Depends(MayEvaluate())]
Listening = Annotated[Visit, Depends(MayListen())]
Since = Annotated[int | None, Query(ge=0, lt=10**18, description="The version that the client has.")]


@router.post(
    "/evaluate/flags/{flag_key}",
    summary="Evaluate one flag",
    responses={200: {"model": EvaluationSuccess}, **FAILURES},
    openapi_extra=REQUEST,
)
async def evaluate_flag(flag_key: str, visit: Evaluating, request: Request) -> Response:
    """OFREP 0.3. A flag that is switched off, or leaves its default open, has no `value`: the caller's own counts."""
    return _send(await service.evaluate_flag(visit, flag_key, await request.body()))


@router.post(
    "/evaluate/flags",
    summary="Evaluate all flags",
    responses={200: {"model": BulkEvaluation}, 304: NOT_MODIFIED, **FAILURES},
    openapi_extra=CONDITIONS,
)
async def evaluate_flags(visit: Evaluating, request: Request) -> Response:
    """OFREP 0.3. The `ETag` speaks for flags and context; whoever has that answer gets 304, and nothing is evaluated.
    A flag that is broken is a failure among the others. `eventStreams` says where changes are told."""
    found = await service.evaluate_flags(
        visit,
        await request.body(),
        known=request.headers.get("if-none-match"),
        told=request.query_params.get("flagConfigEtag"),
        root=request.scope.get("root_path", ""),
    )
    return _send(found)


@router.get("/stream", summary="Hear of changed flags", response_class=Response, responses={200: EVENTS, **FAILURES})
async def stream_flag_changes(
    visit: Listening,
    token: Annotated[str, Query(max_length=256, description="As the bulk answer gave it out.")],
    since: Since = None,
    last_event_id: Annotated[str | None, Header(max_length=128)] = None,
) -> Response:
    """Server-Sent Events, one `refetchEvaluation` for each change. Its address is in `eventStreams` of the bulk answer,
    carries its own secret and needs no header; when it expires, the next bulk answer has a new one."""
    return EventStream((await prepare_stream(visit, token, since, last_event_id)).opened)


def _send(found: service.Answer) -> Response:
    headers = [] if found.status == 304 else [JSON]
    if found.etag is not None:
        headers.append(etag(found.etag))
    return Written(found.body, found.status, headers)
