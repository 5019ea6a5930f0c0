"""Answers that are bytes already, and the one line that every request leaves in the log."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from fastapi import Response

from common.config import Config
from common.http.written import JSON, Written, etag
from common.observability.context import start_context
from common.observability.logs import AccessLog


@pytest.mark.parametrize("status", [200, 201, 204, 304, 400, 503])
@pytest.mark.parametrize("body", [b"", b"{}", b"x" * 1000])
def test_it_is_what_starlette_makes_of_the_same(status: int, body: bytes) -> None:
    theirs = Response(body, status, {"ETag": '"v1"', "Content-Type": "application/json"})

    ours = Written(body, status, (JSON, etag('"v1"')))

    assert (ours.status_code, bytes(ours.body), ours.background) == (status, body, None)
    assert sorted(ours.raw_headers) == sorted(theirs.raw_headers)
    assert ours.headers["etag"] == '"v1"'


def test_the_line_of_a_request_is_one_json_object(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    start_context(request_id='a"b', tenant="tenant_alpha")
    before = datetime.now(UTC)

    AccessLog(config.model_copy(update={"log_level": "info", "log_format": "json"}))("GET", "/users/{id}", 200, 0.01234)

    written = capsys.readouterr().out
    line = json.loads(written)
    assert written.count("\n") == 1
    assert before <= datetime.fromisoformat(line.pop("timestamp")) <= datetime.now(UTC)
    assert line == {
        "request_id": 'a"b',
        "tenant": "tenant_alpha",
        "method": "GET",
        "route": "/users/{id}",
        "status": 200,
        "duration_ms": 12.34,
        "event": "request_handled",
        "logger": "request",
        "level": "info",
    }


def test_nobody_reads_it_at_a_higher_level(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    AccessLog(config.model_copy(update={"log_level": "warning", "log_format": "json"}))("GET", "/", 200, 0.01)

    assert not capsys.readouterr().out
