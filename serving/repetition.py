"""What a repeated ``Idempotency-Key`` answers, for the route and for endpoints that commit by themselves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import Request, Response

from common.errors import InvalidRequest
from common.http.headers import read_path
from common.idempotency import REPLAYED_HEADERS, IdempotentRequest, StoredAnswer, find_answer, keep_answer
from serving.visit import visit_of

MAX_KEY_LENGTH: Final = 255
HEADER: Final = "idempotency-key"


async def answer_once(request: Request, body: bytes, act: Callable[[Request], Awaitable[Response]]) -> Response:
    """What ``act`` answers, or, to a request that was answered before, the same again. ``body`` is what two requests
    with the same key must have in common; the visit's unit writes."""
    if HEADER not in request.headers:
        return await act(request)
    visit = visit_of(request)
    unit, principal = visit.unit, visit.principal
    assert unit is not None
    assert principal is not None
    keyed = IdempotentRequest.of(
        tenant=principal.tenant.schema,
        caller=principal.caller_id,
        route=f"{request.method} {read_path(request.scope)}",
        key=_read_key(request),
        body=body,
        secret=visit.services.config.secret_key.get_secret_value(),
    )
    stored = await find_answer(unit, keyed)
    if stored is not None:
        return Response(stored.body, stored.status, {**stored.headers, "Idempotency-Replayed": "true"})
    response = await act(request)
    kept = {name: response.headers[name] for name in REPLAYED_HEADERS if name in response.headers}
    await keep_answer(unit, keyed, StoredAnswer(response.status_code, kept, bytes(response.body)))
    return response


def _read_key(request: Request) -> str:
    values = request.headers.getlist(HEADER)
    if len(values) != 1 or not 1 <= len(values[0]) <= MAX_KEY_LENGTH or not values[0].isascii():
        raise InvalidRequest(f"Idempotency-Key must be sent once, with 1 to {MAX_KEY_LENGTH} ASCII characters.")
    return values[0]
