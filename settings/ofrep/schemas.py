"""What goes over the wire, for the document; bodies are written and read by hand because clients poll."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from pydantic import ConfigDict, Field

from shared_models import Payload, Shape


class EvaluationRequest(Payload):
    """For whom flags are evaluated; ``targetingKey`` in the context names the subject."""

    context: dict[str, Any] = Field(default={}, examples=[{"targetingKey": "user-42", "plan": "gold"}])


class EvaluationFailure(Shape):
    """Why there is no answer. ``key`` only where one flag was asked for."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    key: str | None = Field(default=None, examples=["new-checkout"])
    error_code: str = Field(
        alias="errorCode",
        description="PARSE_ERROR, INVALID_CONTEXT, TARGETING_KEY_MISSING, FLAG_NOT_FOUND or GENERAL.",
        examples=["FLAG_NOT_FOUND"],
    )
    error_details: str = Field(alias="errorDetails", examples=["There is no such flag."])


class EvaluationSuccess(Shape):
    """What a flag is. Without a value the caller's own default counts: the flag is off, or leaves it open."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    key: str = Field(examples=["new-checkout"])
    reason: str = Field(description="STATIC, TARGETING_MATCH, DEFAULT or DISABLED.", examples=["TARGETING_MATCH"])
    variant: str = Field(description="Empty where there is no value.", examples=["on"])
    value: Any = Field(default=None, examples=[True])
    metadata: dict[str, Any] = Field(default={})


class StreamEndpoint(Shape):
    """Where to connect to, at the origin that was asked for flags."""

    request_uri: str = Field(alias="requestUri", examples=["/ofrep/v1/stream?token=…&since=7"])


class EventStream(Shape):
    """A stream that tells of changes. Its address carries its own secret and expires."""

    type: str = Field(examples=["sse"])
    endpoint: StreamEndpoint
    inactivity_delay_sec: int = Field(alias="inactivityDelaySec", examples=[120])


class BulkEvaluation(Shape):
    """Every flag; one that is broken is a failure among the others."""

    flags: list[EvaluationSuccess | EvaluationFailure]
    event_streams: list[EventStream] = Field(alias="eventStreams")
    metadata: dict[str, Any] = Field(default={})


def _text(place: str, name: str, description: str) -> dict[str, Any]:
    return {"in": place, "name": name, "description": description, "schema": {"type": "string"}}


REQUEST: Final[dict[str, Any]] = {
    "requestBody": {"content": {"application/json": {"schema": EvaluationRequest.model_json_schema()}}}
}
# Documented and read by hand: what the framework would do about them costs more than an answer 304.
CONDITIONS: Final[dict[str, Any]] = {
    **REQUEST,
    "parameters": [
        _text("header", "If-None-Match", "`ETag` of the answer one has."),
        _text("query", "flagConfigEtag", "`etag` of the stream's event that one acts on."),
        _text("query", "flagConfigLastModified", "The same; events here have none."),
    ],
}
NOT_MODIFIED: Final[dict[str, Any]] = {"description": "The flags are what `If-None-Match` says."}
EVENTS: Final[dict[str, Any]] = {
    "description": "Server-Sent Events",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}
# 422 is no status of OFREP's: what is that elsewhere is 400 here. `default` keeps the framework from documenting it.
FAILURES: Final[dict[int | str, dict[str, Any]]] = {
    status: {"description": HTTPStatus(status).phrase, "model": EvaluationFailure}
    for status in (400, 401, 403, 404, 413, 429, 503)
} | {"default": {"description": "Any other failure", "model": EvaluationFailure}}
