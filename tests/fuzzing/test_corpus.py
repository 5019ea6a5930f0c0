"""Hostile requests to a real process: every one is refused or harmless, none is a defect, and every connection ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest

from tests.fuzzing.campaigns import METHODS
from tests.fuzzing.conftest import Live
from tests.fuzzing.hostile import (
    BODIES,
    BORDERLINE,
    HEADERS,
    REFUSED,
    TARGETS,
    VERSIONS,
    fields_of,
    rotated,
    smuggling,
)
from tests.fuzzing.hostile import METHODS as HOSTILE_METHODS
from tests.fuzzing.lines import Told, converse, head
from tests.support.world import API, TestTenant

pytestmark = [pytest.mark.promise("S1"), pytest.mark.promise("S7")]

AT_ONCE: Final = 8
JSON: Final = {"Content-Type": "application/json"}
HUNDRED_MB: Final = 100 * 1024**2
SLOW_CLIENTS: Final = 300
NO_JSON: Final = frozenset({"/api/v1/platform/tenants/import"})


@pytest.fixture(scope="module")
async def victim(live: Live) -> TestTenant:
    """The tenant that all of this is sent to."""
    return await live.twin("tenant_victim")


@pytest.fixture(scope="module")
def document(live: Live) -> dict[str, Any]:
    """The document as clients get it."""
    found: dict[str, Any] = httpx.get(f"{live.url}/openapi.json", trust_env=False, timeout=60).json()
    return found


def bodied(document: dict[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    """Method, address and fields of every operation that takes JSON; what is asked for by id is not there."""
    for path, item in document["paths"].items():
        for method in sorted(METHODS & item.keys()):
            fields = fields_of(document, item[method])
            if fields is not None:
                names = [part[1:-1] for part in path.split("/") if part.startswith("{") and part.endswith("}")]
                yield method.upper(), path.format_map(dict.fromkeys(names, str(uuid4()))), fields


async def all_at_once(questions: Iterable[Awaitable[None]]) -> None:
    """Ask all of it, a few at the same time."""
    places = asyncio.Semaphore(AT_ONCE)

    async def ask(question: Awaitable[None]) -> None:
        async with places:
            await question

    await asyncio.gather(*(ask(question) for question in questions))


def credentials(victim: TestTenant, live: Live, path: str) -> dict[str, str]:
    """The headers of who may do everything there."""
    key = {"X-Platform-Key": live.platform_key} if "/platform/" in path or path.endswith("initialize-tenant") else {}
    return {**victim.owner.headers, **JSON, **key}


async def test_no_body_that_is_no_json_of_ours_is_taken_anywhere(
    live: Live, victim: TestTenant, document: dict[str, Any]
) -> None:
    async def refused(method: str, path: str, name: str) -> None:
        answer = await http.request(method, path, content=BODIES[name], headers=credentials(victim, live, path))
        assert 400 <= answer.status_code < 500, (method, path, name, answer.text[:300])

    operations = list(bodied(document))
    assert len(operations) > 60
    async with httpx.AsyncClient(base_url=live.url, trust_env=False, timeout=30) as http:
        await all_at_once(refused(method, path, name) for method, path, _ in operations for name in BODIES)


async def test_no_value_in_any_field_is_a_defect(live: Live, victim: TestTenant, document: dict[str, Any]) -> None:
    """Each field gets each value, beside others in the other fields."""
    values = REFUSED | BORDERLINE

    async def harmless(method: str, path: str, fields: list[str], turn: int) -> None:
        body = rotated(fields, values, turn).encode()
        answer = await http.request(method, path, content=body, headers=credentials(victim, live, path))
        assert answer.status_code < 500, (method, path, turn, answer.text[:300])

    operations = list(bodied(document))
    async with httpx.AsyncClient(base_url=live.url, trust_env=False, timeout=30) as http:
        await all_at_once(
            harmless(method, path, fields, turn) for method, path, fields in operations for turn in range(len(values))
        )
    print(f"{len(values)} values in the fields of {len(operations)} operations")  # noqa: T201 - the figure


def proper(answers: list[Told], asked: object) -> None:
    """An answer that is no defect, in the form of all errors if it is one."""
    assert len(answers) <= 1, asked
    for answer in answers:
        assert answer.status < 500, (asked, answer.body[:300])
        if answer.status >= 400:
            assert answer.problem["status"] == answer.status, asked


async def test_no_target_method_or_version_is_a_defect(live: Live, victim: TestTenant) -> None:
    lines = [b"Host: a", b"Connection: close"]
    lines += [f"{name}: {value}".encode() for name, value in victim.owner.headers.items()]
    rest = b"\r\n" + b"\r\n".join(lines) + b"\r\n\r\n"
    requests = [b"GET " + target + b" HTTP/1.1" + rest for target in TARGETS]
    requests += [method + b" /api/v1/users HTTP/1.1" + rest for method in HOSTILE_METHODS]
    requests += [b"GET /api/v1/users " + version + rest for version in VERSIONS]

    async def ask(request: bytes) -> None:
        answers = await converse(live.url, request)
        if not request.startswith(b"CONNECT"):
            assert answers, request[:100]
        proper(answers, request[:100])
        for answer in answers:
            assert b"root:" not in answer.body
            assert "x-injected" not in answer.headers

    await all_at_once(ask(request) for request in requests)


async def test_no_header_is_a_defect_or_makes_a_request_another_one(live: Live, victim: TestTenant) -> None:
    note = (await owner(live, victim, "POST", "/tools/notes", json={"title": "kept", "content": "kept"})).json()
    good = head("GET", f"{API}/tools/notes/{note['id']}", victim.owner.headers)[:-2]

    async def ask(line: bytes) -> None:
        proper(await converse(live.url, good + line + b"\r\n\r\n"), line[:100])

    await all_at_once(ask(line) for line in HEADERS)

    assert (await owner(live, victim, "GET", f"/tools/notes/{note['id']}")).json() == note


async def owner(live: Live, victim: TestTenant, method: str, path: str, **options: Any) -> httpx.Response:
    """Something that the tenant's owner asks in good faith."""
    async with httpx.AsyncClient(base_url=live.url, trust_env=False, timeout=30) as http:
        return await http.request(method, API + path, headers=victim.owner.headers, **options)


async def test_no_request_is_smuggled_in_another(live: Live, victim: TestTenant) -> None:
    """Two answers would mean that the second request was seen; its note would be gone."""
    note = (await owner(live, victim, "POST", "/tools/notes", json={"title": "kept", "content": "kept"})).json()
    smuggled = head("DELETE", f"{API}/tools/notes/{note['id']}", victim.owner.headers)

    async def ask(name: str, request: bytes) -> None:
        answers = await converse(live.url, request)
        assert len(answers) == 1, (name, answers)
        assert 400 <= answers[0].status < 500, (name, answers)

    await all_at_once(ask(name, request) for name, request in smuggling(smuggled).items())

    assert (await owner(live, victim, "GET", f"/tools/notes/{note['id']}")).status_code == 200


async def test_a_hundred_megabytes_are_refused_before_they_come(
    live: Live, victim: TestTenant, document: dict[str, Any]
) -> None:
    async def ask(method: str, path: str) -> None:
        headers = {**credentials(victim, live, path), "Content-Length": str(HUNDRED_MB)}
        (answer,) = await converse(live.url, head(method, path, headers))
        assert 400 <= answer.status < 500, (method, path)
        assert path.startswith("/ofrep/") or answer.problem["code"]  # OFREP has a form of its own

    await all_at_once(ask(method, path) for method, path, _ in bodied(document) if path not in NO_JSON)


async def test_a_hundred_megabytes_that_come_all_the_same_take_no_memory(live: Live, victim: TestTenant) -> None:
    headers = {**victim.owner.headers, **JSON}
    before = live.memory("VmRSS")
    live.forget_peak()
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    pieces = [chunk] * (HUNDRED_MB // 65_536)

    answers = await asyncio.gather(
        converse(live.url, head("POST", f"{API}/tools/notes", headers | {"Transfer-Encoding": "chunked"}), *pieces),
        converse(live.url, head("POST", f"{API}/tools/notes", headers | {"Content-Length": str(HUNDRED_MB)}), *pieces),
    )

    assert [[answer.status for answer in told] for told in answers] == [[413], [413]]
    grown = live.memory("VmHWM") - before
    assert grown < 16 * 1024**2
    print(f"twice 100 MB sent: at its peak the process had grown by {grown / 1024**2:.1f} MB")  # noqa: T201 - the figure


async def test_a_length_that_lies_ends_the_connection(live: Live, victim: TestTenant) -> None:
    body = json.dumps({"title": "short", "content": "short"}).encode()
    headers = {**victim.owner.headers, **JSON}
    short = head("POST", f"{API}/tools/notes", headers | {"Content-Length": str(len(body) - 5)})
    long = head("POST", f"{API}/tools/notes", headers | {"Content-Length": str(len(body) + 5)})

    (cut,), (waited,) = await asyncio.gather(converse(live.url, short + body), converse(live.url, long + body))
    left = await converse(live.url, long + body, ending=True)

    assert (cut.status, waited.status) == (422, 408)
    assert [answer.status for answer in left] in ([], [400], [408])


async def test_a_client_that_asks_before_it_sends_is_told(live: Live, victim: TestTenant) -> None:
    """RFC 9110 section 10.1.1: 100 for who may send, and for who may not, the refusal without it."""
    body = json.dumps({"title": "asked", "content": "asked"}).encode()
    asking = {**JSON, "Content-Length": str(len(body)), "Expect": "100-continue"}
    target = f"{API}/tools/notes"

    told = await converse(live.url, head("POST", target, {**victim.owner.headers, **asking}) + body)
    refused = await converse(live.url, head("POST", target, {**victim.anonymous.headers, **asking}))

    assert [answer.status for answer in told] == [100, 201]
    assert [answer.status for answer in refused] == [401]


async def test_pipelined_requests_are_answered_in_their_order(live: Live, victim: TestTenant) -> None:
    headers = "".join(f"{name}: {value}\r\n" for name, value in victim.owner.headers.items())
    one = "GET {API}/tools/notes?limit={number} HTTP/1.1\r\nHost: a\r\nX-Request-ID: r{number}\r\n{headers}{end}\r\n"
    numbers = range(1, 51)
    requests = [
        one.format(API=API, number=number, headers=headers, end="Connection: close\r\n" if number == 50 else "")
        for number in numbers
    ]

    answers = await converse(live.url, "".join(requests).encode())

    assert [answer.headers["x-request-id"] for answer in answers] == [f"r{number}" for number in numbers]
    assert {answer.status for answer in answers} == {200}


async def test_slow_clients_are_sent_away_and_others_served_meanwhile(live: Live, victim: TestTenant) -> None:
    target, length = f"{API}/tools/notes", {"Content-Length": "100000"}
    forms = [
        b"",
        b"GET / HTT",
        b"GET / HTTP/1.1\r\nX: y\r\n",
        head("POST", target, {**victim.owner.headers, **JSON, **length}),
    ]
    started = asyncio.get_running_loop().time()
    slow = [asyncio.create_task(converse(live.url, forms[number % 4])) for number in range(SLOW_CLIENTS)]

    served = [(await owner(live, victim, "GET", "/tools/notes")).status_code for _ in range(20)]
    answers = await asyncio.gather(*slow)

    assert served == [200] * 20
    assert [answer.status for told in answers[3::4] for answer in told] == [408] * (SLOW_CLIENTS // 4)
    assert not any(told for number, told in enumerate(answers) if number % 4 != 3)
    seconds = asyncio.get_running_loop().time() - started
    print(f"{SLOW_CLIENTS} slow clients were gone after {seconds:.1f} s")  # noqa: T201 - the figure


def test_nothing_of_all_this_was_an_error_to_the_service(live: Live) -> None:
    """Last in this file: what was answered well may have gone wrong all the same."""
    lines = [line for line in Path(live.log).read_text().splitlines() if '"level":"error"' in line]

    assert lines == []
