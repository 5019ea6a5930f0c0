"""Requests that may be repeated: the same ``Idempotency-Key`` brings the stored answer instead of a second thing."""

from __future__ import annotations

from functools import partial
from typing import Final
from uuid import UUID

from fastapi import Request, Response

from common.errors import InvalidRequest, ServiceError
from common.http.headers import read_path
from common.idempotency import (
    REPLAYED_HEADERS,
    IdempotentRequest,
    StoredAnswer,
    claim_answer,
    find_answer,
    give_back,
    keep_answer,
)
from database import SYSTEM_SCHEMA, WriteUnit
from serving.handling import Handler
from serving.visit import Visit, visit_of

MAX_KEY_LENGTH: Final = 255
HEADER: Final = "idempotency-key"
NOBODY: Final = UUID(int=0)


def once(handle: Handler, visit: Visit) -> Handler:
    """The same handler, whose answer commits with what it tells of."""

    async def handle_once(request: Request) -> Response:
        return await _answer(visit, request, await request.body(), handle)

    return handle_once


async def answer_once(request: Request, body: bytes, act: Handler) -> Response:
    """What ``act`` answers in the visit's unit, or, to a request that was answered before, the same again: for an
    endpoint that has read its file already. ``body`` is what two requests with the same key must have in common."""
    return await (_answer(visit_of(request), request, body, act) if HEADER in request.headers else act(request))


def once_apart(handle: Handler, visit: Visit) -> Handler:
    """The same handler, which opens transactions of its own: its key is claimed before them, and after a refusal given
    back. If it fails otherwise, nobody knows what became of it, and the claim holds for a while."""

    async def handle_once(request: Request) -> Response:
        tenant, database = visit.tenant, visit.services.database
        open_books = partial(database.bookkeeping, tenant) if tenant else database.system_bookkeeping
        keyed = _read(visit, request, await request.body())
        async with open_books() as unit:
            stored = await claim_answer(unit, keyed)
        if stored is not None:
            return _repeated(stored)
        try:
            response = await handle(request)
        except ServiceError:
            async with open_books() as unit:
                await give_back(unit, keyed)
            raise
        async with open_books() as unit:
            await keep_answer(unit, keyed, _storable(response))
        return response

    return handle_once


async def _answer(visit: Visit, request: Request, body: bytes, act: Handler) -> Response:
    unit = visit.unit
    assert isinstance(unit, WriteUnit)
    keyed = _read(visit, request, body)
    stored = await find_answer(unit, keyed)
    if stored is not None:
        return _repeated(stored)
    response = await act(request)
    await keep_answer(unit, keyed, _storable(response))
    return response


def _read(visit: Visit, request: Request, body: bytes) -> IdempotentRequest:
    """Scope and body of the request. A tenant that is yet to be is part of the route: it has no table of its own."""
    route, named = f"{request.method} {read_path(request.scope)}", visit.name.schema if visit.name else None
    return IdempotentRequest.of(
        tenant=visit.tenant.name.schema if visit.tenant else SYSTEM_SCHEMA,
        caller=visit.principal.caller_id if visit.principal else visit.operator.id or NOBODY,
        route=f"{route} {named}" if named and not visit.tenant else route,
        key=_read_key(request),
        body=body,
        secret=visit.services.config.secret_key.get_secret_value(),
    )


def _read_key(request: Request) -> str:
    values = request.headers.getlist(HEADER)
    if len(values) != 1 or not 1 <= len(values[0]) <= MAX_KEY_LENGTH or not values[0].isascii():
        raise InvalidRequest(f"Idempotency-Key must be sent once, with 1 to {MAX_KEY_LENGTH} ASCII characters.")
    return values[0]


def _repeated(stored: StoredAnswer) -> Response:
    return Response(stored.body, stored.status, {**stored.headers, "Idempotency-Replayed": "true"})


def _storable(response: Response) -> StoredAnswer:
    kept = {name: response.headers[name] for name in REPLAYED_HEADERS if name in response.headers}
    return StoredAnswer(response.status_code, kept, bytes(response.body))
