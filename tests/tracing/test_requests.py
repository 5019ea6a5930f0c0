"""A request is one trace: its span says what its line of the log says, and below it are its statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import make_url

from main import SERVICE, VERSION
from tests.support.collector import Seen
from tests.support.routes import long_way
from tests.support.things import word
from tests.support.world import Api, TestTenant
from tests.tracing.conftest import Traced

NOTE = "/api/v1/tools/notes/{note_id}"


def the_only(name: str, spans: Sequence[Seen]) -> Seen:
    """The span of this name."""
    (found,) = [span for span in spans if span.name == name]
    return found


async def make_note(traced: Traced, twin: TestTenant) -> tuple[str, list[Seen]]:
    """A note's id, and the trace of its making."""
    made, spans = await traced.ask(twin.owner, "POST", "/tools/notes", json={"title": word()})
    assert made.status_code == 201, made.text
    return made.json()["id"], spans


async def test_a_read_is_one_trace(traced: Traced, twin: TestTenant) -> None:
    note_id, _ = await make_note(traced, twin)

    answer, (request, *inside) = await traced.ask(twin.owner, "GET", f"/tools/notes/{note_id}")

    assert answer.status_code == 200
    assert (request.name, request.kind, request.is_error) == (f"GET {NOTE}", "SERVER", False)
    assert request.attributes == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": NOTE,
        "network.protocol.version": "1.1",
        "url.scheme": "http",
        "tenant.id": twin.name,
        "request.id": answer.headers["x-request-id"],
    }
    assert {span.parent_id for span in inside} == {request.span_id}
    assert [(span.name, span.kind) for span in inside[-3:]] == [
        ("wait for a connection", "INTERNAL"),
        ("SELECT notes", "CLIENT"),
        ("COMMIT", "CLIENT"),
    ]


async def test_a_statement_says_where_and_what_but_no_value(traced: Traced, twin: TestTenant) -> None:
    note_id, spans = await make_note(traced, twin)
    _, (_, *inside) = await traced.ask(twin.owner, "GET", f"/tools/notes/{note_id}")
    read, written = the_only("SELECT notes", inside), the_only("INSERT notes", spans)
    database = make_url(traced.config.database_url.get_secret_value()).database

    for span, operation in ((read, "SELECT"), (written, "INSERT")):
        assert span.attributes["db.system.name"] == "postgresql"
        assert span.attributes["db.namespace"] == f"{database}|{twin.name}"
        assert (span.attributes["db.operation.name"], span.attributes["db.collection.name"]) == (operation, "notes")
        text = span.attributes["db.query.text"]
        assert text.startswith(operation)
        assert "$1" in text
        assert note_id not in text
        assert "'" not in text


async def test_both_ways_to_a_route_are_told_alike(traced: Traced, twin: TestTenant) -> None:
    note_id, _ = await make_note(traced, twin)
    for method in ("GET", "HEAD"):
        _, (short, *_) = await traced.ask(twin.owner, method, f"/tools/notes/{note_id}")
        with long_way(traced.app):
            _, (long, *_) = await traced.ask(twin.owner, method, f"/tools/notes/{note_id}")

        assert short.name == long.name == f"{method} {NOTE}"
        assert short.attributes.keys() == long.attributes.keys()


async def test_a_change_has_its_companions_and_its_commit(traced: Traced, twin: TestTenant) -> None:
    _, (_, *inside) = await make_note(traced, twin)

    names = [span.name for span in inside]
    assert names[-1] == "COMMIT"
    assert any("audit_append" in span.attributes.get("db.query.text", "") for span in inside)
    assert "INSERT notes" in names


async def test_a_failed_statement_tells_its_code_and_nothing_else(traced: Traced, twin: TestTenant) -> None:
    name = word()
    assert (await twin.owner.post("/users/roles", json={"name": name})).status_code == 201

    answer, (request, *inside) = await traced.ask(twin.owner, "POST", "/users/roles", json={"name": name})

    assert answer.status_code == 409
    (failed,) = [span for span in inside if span.is_error]
    assert (failed.name, failed.attributes["error.type"]) == ("INSERT roles", "23505")
    assert (failed.message, failed.events) == ("", 0)
    assert not request.is_error  # the caller's mistake


async def test_what_is_copied_and_what_is_fetched_in_batches_have_spans(traced: Traced, twin: TestTenant) -> None:
    audit, inside_audit = await traced.ask(twin.owner, "GET", "/settings/audit-logs/export")
    people, inside_people = await traced.ask(twin.owner, "GET", "/users/export")

    assert audit.status_code == people.status_code == 200
    assert "audit_logs" in the_only("COPY", inside_audit).attributes["db.query.text"]
    assert the_only("SELECT users", inside_people).kind == "CLIENT"
    assert all("'" not in span.attributes.get("db.query.text", "") for span in (*inside_audit, *inside_people))


async def test_a_trace_stays_in_its_tenant(traced: Traced, twin: TestTenant) -> None:
    (other,) = [tenant for tenant in traced.twins.values() if tenant is not twin]
    for path in ("/users", "/tools/notes", "/settings/audit-logs"):
        _, spans = await traced.ask(twin.owner, "GET", path)
        assert {span.attributes["tenant.id"] for span in spans[:1]} == {twin.name}
        assert not [span for span in spans if other.name in str(span.attributes)]


async def test_an_unknown_address_has_no_route_and_no_path(traced: Traced, twin: TestTenant) -> None:
    answer, (request, *inside) = await traced.ask(twin.owner, "GET", "/nothing/here")

    assert (answer.status_code, request.name, inside) == (404, "GET", [])
    assert request.attributes.keys() == {
        "http.request.method",
        "http.response.status_code",
        "network.protocol.version",
        "url.scheme",
        "request.id",
    }


async def test_probes_have_no_trace(traced: Traced, twin: TestTenant) -> None:
    before = len(traced.collector.spans)
    for path in ("//health", "//readiness", "//metrics"):
        assert (await twin.anonymous.get(path)).status_code == 200
    await traced.ask(twin.owner, "GET", "/auth/test")

    told = [span.attributes.get("http.route") for span in traced.collector.spans[before:]]
    assert not {"/health", "/readiness", "/metrics"}.intersection(told)


async def test_a_trace_says_whose_it_is(traced: Traced, twin: TestTenant) -> None:
    _, (request, *_) = await traced.ask(twin.owner, "GET", "/auth/test")

    assert request.resource["service.name"] == SERVICE
    assert request.resource["service.version"] == VERSION
    assert request.resource["deployment.environment.name"] == "development"


@pytest.mark.promise("I8")
async def test_no_address_no_header_and_no_body_is_told(traced: Traced, twin: TestTenant) -> None:
    """FastAPI's hook would tell path, query and host, and links carry their secrets there."""
    secret = "canary-of-a-secret-link"
    anonymous, owner = twin.anonymous, twin.owner
    asked: list[tuple[Api, str, str, dict[str, Any]]] = [
        (anonymous, "GET", f"/tools/events/feeds/{secret}.ics", {}),
        (anonymous, "GET", f"/tools/events/invitations/{secret}", {}),
        (anonymous, "GET", f"/tools/reviews/submit/{secret}", {}),
        (anonymous, "POST", f"/tools/reviews/submit/{secret}", {"json": {"rating": 5}}),
        (anonymous, "GET", f"//{secret}", {}),
        (owner, "GET", f"/users/{secret}", {}),
        (owner, "GET", "/users", {"params": {"q": secret}}),
        (owner, "GET", "/users", {"params": {secret: "1"}}),
        (owner, "GET", "/auth/test", {"headers": {"Authorization": f"Bearer {secret}"}}),
        (owner, "GET", "/auth/test", {"headers": {"X-API-Key": secret, "Authorization": None}}),
        (owner, "GET", "/auth/test", {"headers": {"Host": f"{secret}.example", "User-Agent": secret}}),
        (anonymous, "POST", "/auth/login", {"json": {"username": secret, "password": secret}}),
        (anonymous, "POST", "/auth/password/reset", {"json": {"token": secret, "new_password": secret}}),
        (owner, "POST", "/tools/notes", {"json": {"title": secret, "body": secret}}),
        (owner, "POST", "/users/roles", {"json": {"name": secret}}),
        (owner, "POST", "/users/roles", {"json": {"name": secret}}),  # taken: PostgreSQL's error has the value
    ]
    for api, method, path, options in asked:
        await traced.ask(api, method, path, **options)

    assert not [body for body in traced.collector.bodies if secret.encode() in body]
