"""Traces are sent when somebody wants them. Whatever becomes of them, requests are answered and a stop is a stop."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.support.collector import SOON, Collector
from tests.support.process import ROOT, running_service
from tests.support.servers import PLATFORM_KEY, SECRET, Servers
from tests.support.world import create_tenant, create_twin
from tests.tracing.conftest import tracing_app

UNENDING: Final = {"OTEL_EXPORTER_OTLP_TIMEOUT": "3600"}  # seconds; the exporter itself would wait so long
SAMPLED: Final = "00-{}-00f067aa0ba902b7-01"
UNSAMPLED: Final = "00-{}-00f067aa0ba902b7-00"
TRACE: Final = "4bf92f3577b34da6a3ce929d0e0e4736"


def closed_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


async def run_python(code: str, **environment: str) -> tuple[int, str]:
    """What a new process of Python says, and its exit code."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code),
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "SECRET_KEY": SECRET, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_nothing_is_sent_of_what_is_not_sampled(servers: Servers) -> None:
    with Collector().running() as collector:
        async with tracing_app(servers, collector.address, {**SOON, "OTEL_TRACES_SAMPLER": "always_off"}) as (
            _,
            http,
            _,
        ):
            twin = await create_twin(http, "tenant_alpha")
            headers = {"traceparent": SAMPLED.format(TRACE)}
            assert (await twin.owner.get("/users", headers=headers)).status_code == 200

    assert collector.bodies == []


async def test_the_caller_decides_what_is_sampled(servers: Servers) -> None:
    with Collector().running() as collector:
        async with tracing_app(servers, collector.address, SOON) as (_, http, _):
            twin = await create_tenant(http, "tenant_alpha")
            for traceparent in (UNSAMPLED.format("a" * 32), SAMPLED.format("b" * 32), "nonsense"):
                assert (await twin.owner.get("/users", headers={"traceparent": traceparent})).status_code == 200

    seen = {span.trace_id for span in collector.spans}
    assert "a" * 32 not in seen
    assert "b" * 32 in seen


async def test_the_environment_names_the_service(servers: Servers) -> None:
    named = {**SOON, "OTEL_SERVICE_NAME": "other", "OTEL_RESOURCE_ATTRIBUTES": "cloud.region=here"}
    with Collector().running() as collector:
        async with tracing_app(servers, collector.address, named) as (_, http, _):
            assert (await http.get("/")).status_code == 200

    (request,) = collector.spans
    assert (request.resource["service.name"], request.resource["cloud.region"]) == ("other", "here")


async def test_a_collector_that_is_not_there_changes_nothing(servers: Servers) -> None:
    address = f"http://127.0.0.1:{closed_port()}"
    async with tracing_app(servers, address, {**SOON, **UNENDING}) as (_, http, _):
        twin = await create_twin(http, "tenant_alpha")
        for _ in range(20):
            assert (await twin.owner.get("/users")).status_code == 200


async def test_a_collector_that_hangs_holds_up_neither_requests_nor_the_end(servers: Servers) -> None:
    """It never answers, and would be waited for for an hour: that this ends shows that it is not."""
    with Collector().running() as collector:
        collector.gate.clear()
        async with tracing_app(servers, collector.address, {**SOON, **UNENDING}) as (_, http, _):
            twin = await create_twin(http, "tenant_alpha")
            for _ in range(20):
                assert (await twin.owner.get("/users")).status_code == 200
            assert await asyncio.to_thread(collector.asked.wait, 20)
        assert not collector.gate.is_set()
        assert collector.bodies == []


@pytest.mark.promise("S5")
async def test_a_process_stops_while_its_collector_hangs(servers: Servers, tmp_path: Path) -> None:
    with Collector().running() as collector:
        collector.gate.clear()
        environment = _environment(servers, tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=collector.address, **SOON, **UNENDING)
        async with running_service(tmp_path, environment) as (http, output):
            assert (await http.get("/")).status_code == 200
            assert await asyncio.to_thread(collector.asked.wait, 20)
        assert not collector.gate.is_set()

    events = [json.loads(line)["event"] for line in output.read_text().splitlines() if line.startswith("{")]
    assert "traces_abandoned" in events
    assert "service_stopped" in events


async def test_lines_of_the_log_name_their_trace(servers: Servers, tmp_path: Path) -> None:
    with Collector().running() as collector:
        environment = _environment(servers, tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=collector.address)
        async with running_service(tmp_path, environment) as (http, output):
            await http.get("/", headers={"traceparent": SAMPLED.format(TRACE)})
            await http.get("/", headers={"traceparent": UNSAMPLED.format("a" * 32)})

    lines = [json.loads(line) for line in output.read_text().splitlines() if line.startswith("{")]
    asked = {line["trace_id"]: line for line in lines if line["event"] == "request_handled" and line["route"] == "/"}
    assert asked.keys() == {TRACE, "a" * 32}
    (span,) = [span for span in collector.spans if span.trace_id == TRACE]
    assert asked[TRACE]["span_id"] == span.span_id
    assert asked[TRACE]["request_id"] == span.attributes["request.id"]


async def test_without_a_collector_nothing_of_the_sdk_is_loaded() -> None:
    """Nor by anybody else: redis-py would, wherever it is installed, as structlog and Mako would load what colours."""
    unwanted = ("opentelemetry.sdk", "opentelemetry.exporter", "google", "requests", "rich", "pygments")
    code = f"import sys, main; main.app; print([name for name in sys.modules if name.startswith({unwanted!r})])"

    exit_code, output = await run_python(code, ENVIRONMENT="development")

    assert (exit_code, output.splitlines()[-1]) == (0, "[]")


async def test_without_a_collector_lines_name_no_trace(servers: Servers, tmp_path: Path) -> None:
    async with running_service(tmp_path, _environment(servers, tmp_path)) as (http, output):
        await http.get("/", headers={"traceparent": SAMPLED.format(TRACE)})

    assert '"route":"/"' in output.read_text()
    assert "trace_id" not in output.read_text()


async def test_without_the_packages_the_start_says_what_is_missing() -> None:
    code = "import sys; sys.modules['opentelemetry.sdk'] = None; import main; main.app"

    exit_code, output = await run_python(code, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:4318")

    assert exit_code == 1
    assert output.startswith("The configuration is wrong:\n  OTEL_EXPORTER_OTLP_ENDPOINT: traces need the packages")
    assert "Traceback" not in output


def _environment(servers: Servers, folder: Path, **more: str) -> dict[str, str]:
    return {
        "DATABASE_URL": servers.new_database(),
        "REDIS_URL": "none",
        "SECRET_KEY": SECRET,
        "PLATFORM_API_KEY": PLATFORM_KEY,
        "DATA_DIR": str(folder / "data"),
        **more,
    }
