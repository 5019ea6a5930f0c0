"""Each job of the outbox is a trace of its own: whoever ordered it has had his answer long ago."""

from __future__ import annotations

from pathlib import Path

from tests.support.apps import services_of
from tests.support.collector import SOON, Collector, Seen
from tests.support.post import new_worker
from tests.support.servers import Servers
from tests.support.world import create_twin
from tests.tracing.conftest import tracing_app


async def test_a_job_is_a_trace_with_its_statements(servers: Servers, tmp_path: Path) -> None:
    with Collector().running() as collector:
        async with tracing_app(servers, collector.address, SOON, data_dir=tmp_path) as (app, http, _):
            twins = [await create_twin(http, f"tenant_{name}") for name in ("alpha", "beta")]
            for twin in twins:
                asked = await twin.anonymous.post("/auth/password/forgot", json={"email": "owner@twin.example"})
                assert asked.status_code == 202, asked.text
            worker = new_worker(app)
            while await worker.run_once():
                pass
            await services_of(app).tracing.close()
        spans = collector.spans

    jobs = {span.attributes["tenant.id"]: span for span in spans if span.name == "job mail.password_reset"}
    assert jobs.keys() == {twin.name for twin in twins}
    for tenant, job in jobs.items():
        assert (job.kind, job.parent_id, job.is_error) == ("CONSUMER", "", False)
        assert (job.attributes["job.kind"], job.attributes["job.attempts"]) == ("mail.password_reset", 1)
        below = [span for span in spans if span.parent_id == job.span_id]
        assert {span.trace_id for span in below} == {job.trace_id}
        assert "DELETE outbox" in _names(below)
        assert any(span.attributes["db.namespace"].endswith(f"|{tenant}") for span in below)
    assert not [span for span in spans if not span.parent_id and span.kind == "CLIENT"], "looking for jobs is no trace"


async def test_a_job_that_fails_says_by_what(servers: Servers, tmp_path: Path) -> None:
    """The folder of the mails cannot be made; the reason, with its path, is the log's to tell."""
    (tmp_path / "mail").write_text("no folder")
    with Collector().running() as collector:
        async with tracing_app(servers, collector.address, SOON, data_dir=tmp_path) as (app, http, _):
            twin = await create_twin(http, "tenant_alpha")
            await twin.anonymous.post("/auth/password/forgot", json={"email": "owner@twin.example"})
            await new_worker(app).run_once()
            await services_of(app).tracing.close()

    (job,) = [span for span in collector.spans if span.name == "job mail.password_reset"]
    assert (job.is_error, job.message, job.events) == (True, "", 0)
    assert job.attributes["error.type"] in {"FileExistsError", "NotADirectoryError"}


def _names(spans: list[Seen]) -> set[str]:
    return {span.name for span in spans}
