"""How requests are received: a server protocol with limits on the head of a request, in bytes, in headers and in time.

Uvicorn with httptools has none: it collects headers as long as they come, waits for them as long as a client likes, and
once a first byte has come after an answer even its keep-alive timeout is off. Uvicorn is told to use this protocol by
``--http common.http.reception:BoundedHttp``. Bodies have their limits in ``common.http.body_limit``, where any server's
requests pass.
"""

from __future__ import annotations

import json
from asyncio import TimerHandle, Transport
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from common.http.envelope import HEADERS
from common.http.problems import FRAMEWORK_CODES, MEDIA_TYPE
from common.ids import new_id_text

STATE: Final = "reception"  # where the lifespan leaves the limits for every connection
LINGER_SECONDS: Final = 2.0  # to read the refusal in, before what the client still sends makes its system forget it
HEADER_OVERHEAD: Final = 4  # a colon, a blank and the end of the line


@dataclass(frozen=True, slots=True)
class Reception:
    """The limits on the head of a request: its bytes, its headers, and the seconds until it is complete."""

    max_head_bytes: int = 32_768
    max_headers: int = 100
    head_seconds: float = 10.0


class _Refused(Exception):
    """The head is beyond a limit; the protocol has noted which."""


class BoundedHttp(HttpToolsProtocol):
    """Uvicorn's protocol, for which a client has to keep within the limits.

    What it refuses it answers with a problem of its own, because no application has seen the request; then the
    connection ends.
    """

    transport: Transport

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._limits: Reception = self.app_state.get(STATE, Reception())
        self._timer: TimerHandle | None = None
        self._status = 400
        self._is_ending = False
        self._in_head = False
        self._head_bytes = 0
        self._unread = 0  # bytes of which the parser has made nothing yet

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """A client that connects has something to say."""
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody waits any more."""
        self._is_ending = True
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """The next bytes. Those of a head, or of a chunk's frame, that never ends are not collected for ever."""
        if self._is_ending:
            return
        self._unread += len(data)
        super().data_received(data)
        self._look_ahead()

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of its target."""
        self._unread = 0
        self._count(len(url), 414)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or after the body a trailer. Trailers nobody has asked for, and as headers they would pass a proxy
        that takes headers away (RFC 9110 section 6.5.1)."""
        self._unread = 0
        self._count(len(name) + len(value) + HEADER_OVERHEAD, 431)
        if self._in_head:
            super().on_header(name, value)
            if len(self.headers) > self._limits.max_headers:
                self._status = 431
                raise _Refused

    def on_headers_complete(self) -> None:
        """All of the head: the application has its turn."""
        self._in_head, self._head_bytes, self._unread = False, 0, 0
        self._stop_waiting()
        super().on_headers_complete()
        if self.parser.should_upgrade():
            self.cycle.keep_alive = False  # nobody reads what comes after such a request

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The end of the request."""
        self._unread = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what no request can be made of, and end the connection."""
        del msg  # uvicorn's is plain text
        self._is_ending = True
        self._stop_waiting()
        running = self.cycle is not None and not self.cycle.response_complete
        if running and not self.cycle.more_body:
            self.cycle.keep_alive = False  # it follows a good request, whose answer is on its way
            return
        if running:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if not (running and self.cycle.response_started):
            self.transport.write(_problem(self._status))
        self._end()

    def _look_ahead(self) -> None:
        if self._is_ending:
            return
        if self._unread > self._limits.max_head_bytes:
            self._status = 431
            self.send_400_response("")
        elif self._is_idle:
            self._expect()

    @property
    def _is_idle(self) -> bool:
        """Whether all that was asked is answered, so that the next word is the client's."""
        return self.cycle is None or self.cycle.response_complete

    def _expect(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self._limits.head_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if self._is_idle:
            self._is_ending = True
            self.transport.close()

    def _count(self, size: int, status: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self._limits.max_head_bytes:
            self._status = status
            raise _Refused

    def _end(self) -> None:
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self.loop.call_later(LINGER_SECONDS, self.transport.close)
        else:
            self.transport.close()

    def _should_upgrade_to_ws(self) -> bool:
        return False  # there is no WebSocket here: such a request is an ordinary one (RFC 9110 section 7.8)

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing to warn of: the client has its answer."""


def _problem(status: int) -> bytes:
    """The whole answer (RFC 9112 section 4), in the form that all errors have."""
    code, detail = FRAMEWORK_CODES[status]
    request_id, phrase = new_id_text(), HTTPStatus(status).phrase
    told = {"type": "about:blank", "title": phrase, "status": status, "detail": detail}
    body = json.dumps({**told, "instance": "/", "code": code, "request_id": request_id}).encode()
    headers = {
        **HEADERS,
        "Content-Type": MEDIA_TYPE,
        "Content-Length": str(len(body)),
        "X-Request-ID": request_id,
        "Connection": "close",
    }
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
