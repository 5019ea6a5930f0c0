"""What a client may send before there is a request: so much, so many, so long, and nothing that means two things."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import pytest
from starlette.types import Receive, Scope, Send

from common.http.reception import STATE, Reception
from tests.support.listening import listening
from tests.support.problems import KEYS

pytestmark = pytest.mark.promise("S7")

LIMITS: Final = Reception(max_head_bytes=4096, max_headers=20, head_seconds=0.2)
GET: Final = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST: Final = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
ENDLESS: Final = b"a" * 600_000  # more than is read at once
PATIENCE: Final = 20  # seconds until a test has waited in vain


async def _tell(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the request as the application got it; ``/early`` does not wait for the body."""
    if scope["type"] == "lifespan":
        assert (await receive())["type"] == "lifespan.startup"
        scope["state"][STATE] = LIMITS
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    body, more = b"", scope["path"] != "/early"
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    headers = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]]
    told = json.dumps({"type": scope["type"], "headers": headers, "body": body.decode("latin-1")}).encode()
    head = [(b"content-length", str(len(told)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": told})


@dataclass(frozen=True)
class Answer:
    """One answer of a connection."""

    status: int
    headers: dict[str, str]
    body: Any


class Wire:
    """A connection on which a test writes bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def write(self, data: bytes) -> None:
        """Send something."""
        self._writer.write(data)

    async def answer(self) -> Answer:
        """The next answer."""
        async with asyncio.timeout(PATIENCE):
            first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines)
            body = await self._reader.readexactly(int(headers["content-length"]))
        return Answer(int(first.split()[1]), headers, json.loads(body))

    async def refusal(self, status: int, code: str) -> None:
        """An answer that is a problem, after which the connection ends."""
        answer = await self.answer()
        assert (answer.status, answer.body["code"], answer.body["status"]) == (status, code, status)
        assert answer.body.keys() == KEYS
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-request-id"] == answer.body["request_id"]
        assert answer.headers["connection"] == "close"
        await self.end()

    async def end(self) -> None:
        """The end of the connection, with nothing before it; a reset is one, too, for who is still writing."""
        async with asyncio.timeout(PATIENCE):
            with suppress(ConnectionResetError):
                assert await self._reader.read() == b""


@pytest.fixture(scope="module")
async def address() -> AsyncIterator[tuple[str, int]]:
    """Where an application listens that tells what it gets."""
    async with listening(_tell, lifespan="on") as url:
        host, _, port = url.removeprefix("http://").partition(":")
        yield host, int(port)


@asynccontextmanager
async def _connected(address: tuple[str, int]) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection(*address)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()


@pytest.fixture
async def wire(address: tuple[str, int]) -> AsyncIterator[Wire]:
    """A connection to it."""
    async with _connected(address) as connected:
        yield connected


@pytest.mark.parametrize("sent", [b"", b"G", b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ", b"\r\n"])
async def test_a_head_that_does_not_come_ends_the_connection(wire: Wire, sent: bytes) -> None:
    wire.write(sent)

    await wire.end()


async def test_a_head_that_trickles_has_no_more_time_than_one_that_stands_still(wire: Wire) -> None:
    async def trickle() -> None:
        wire.write(b"GET / HTTP/1.1\r\nX-Slow: ")
        while True:
            wire.write(b"a")
            await asyncio.sleep(0.01)

    trickling = asyncio.create_task(trickle())
    await wire.end()
    trickling.cancel()


@pytest.mark.parametrize("sent", [b"G", b"\r\n"])
async def test_a_byte_after_an_answer_does_not_hold_the_connection(wire: Wire, sent: bytes) -> None:
    wire.write(GET)
    assert (await wire.answer()).status == 200
    wire.write(sent)

    await wire.end()


async def test_a_body_that_nobody_waits_for_does_not_hold_it_either(wire: Wire) -> None:
    wire.write(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nx")
    assert (await wire.answer()).status == 200
    wire.write(b"x")

    await wire.end()


async def test_a_connection_serves_one_request_after_the_other(wire: Wire) -> None:
    for _ in range(3):
        wire.write(GET[:9])
        await asyncio.sleep(0)
        wire.write(GET[9:])
        assert (await wire.answer()).status == 200
    wire.write(GET + GET)
    assert [(await wire.answer()).status for _ in range(2)] == [200, 200]


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % (b"a" * 5000), 414, "target_too_long"),
        (b"GET / HTTP/1.1\r\nX-Long: %s\r\n\r\n" % (b"a" * 5000), 431, "headers_too_large"),
        (b"GET / HTTP/1.1\r\n%s: a\r\n\r\n" % (b"a" * 5000), 431, "headers_too_large"),
        (b"GET / HTTP/1.1\r\n" + b"X-Much: aaaaaaaaaa\r\n" * 500, 431, "headers_too_large"),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 21 + b"\r\n", 431, "headers_too_large"),
        (b"GET / HTTP/1.1\r\nX-Endless: " + ENDLESS, 431, "headers_too_large"),
        (POST + b"1;extension=" + ENDLESS, 431, "headers_too_large"),
        (POST + b"0\r\nX-Trailer: " + ENDLESS, 431, "headers_too_large"),
        (POST + b"0\r\n" + b"X-Trailer: aaaaaaaaaa\r\n" * 500, 431, "headers_too_large"),
        (b"hello\r\n\r\n", 400, "bad_request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "bad_request"),  # TLS
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nbad name: a\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nA: a\x00b\r\n\r\n", 400, "bad_request"),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400, "bad_request"),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "bad_request"),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, "bad_request"),
        (b"POST / HTTP/1.1\r\nContent-Length: 1e3\r\n\r\n", 400, "bad_request"),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400, "bad_request"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400, "bad_request"),
        (POST + b"xyz\r\n", 400, "bad_request"),
    ],
)  # fmt: skip
async def test_what_is_beyond_a_limit_or_no_http_is_refused_as_a_problem(
    wire: Wire, sent: bytes, status: int, code: str
) -> None:
    wire.write(sent)

    await wire.refusal(status, code)


async def test_trailers_do_not_become_headers(wire: Wire) -> None:
    """A proxy that takes X-Forwarded-For out of the headers leaves it in the trailers."""
    wire.write(POST + b"2\r\nab\r\n0\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n")
    answer = await wire.answer()

    assert answer.body["body"] == "ab"
    assert [name for name, _ in answer.body["headers"]] == ["host", "transfer-encoding"]


async def test_what_follows_a_good_request_does_not_spoil_its_answer(wire: Wire) -> None:
    wire.write(GET + b"rubbish\r\n\r\n")

    assert (await wire.answer()).status == 200
    await wire.end()


async def test_a_websocket_is_not_opened(wire: Wire) -> None:
    wire.write(
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    answer = await wire.answer()

    assert (answer.status, answer.body["type"]) == (200, "http")
    await wire.end()
