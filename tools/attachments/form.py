"""Reading multipart/form-data (RFC 7578) while it arrives: fields into memory, the file to whoever takes it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from common.errors import MultipartInvalid

MAX_PARTS: Final = 20
MAX_FIELD: Final = 65_536  # bytes: fifty links, each character as \\uXXXX
FILE: Final = "file"


class FileTaker(Protocol):
    """Takes the file of a form."""

    async def begin(self, name: str, declared: str) -> None:
        """A file of this name is about to come, of the type that its sender declares."""

    async def write(self, data: bytes) -> None:
        """Its next bytes."""


@dataclass(slots=True)
class _Part:
    headers: dict[str, bytes] = field(default_factory=dict)
    header: bytearray = field(default_factory=bytearray)
    value: bytearray = field(default_factory=bytearray)


async def read_form(content_type: str | None, stream: AsyncIterator[bytes], taker: FileTaker) -> dict[str, str]:
    """The fields of a form, ``file`` among them with the name of the file, which goes to ``taker`` as it comes. Raises
    MultipartInvalid."""
    parts = _Parts(content_type)
    fields: dict[str, str] = {}
    async for chunk in stream:
        for event in parts.feed(chunk):
            match event:
                case _Begin(name, file_name, declared):
                    if name in fields:
                        raise MultipartInvalid(f"The form has more than one part named {name[:64]!r}.")
                    fields[name] = file_name
                    if name == FILE:
                        await taker.begin(file_name, declared)
                case _Value(name, text):
                    fields[name] = text
                case bytes():
                    await taker.write(event)
    if not parts.is_complete:
        raise MultipartInvalid("The form ends before its last boundary.")
    return fields


@dataclass(frozen=True, slots=True)
class _Begin:
    name: str
    file_name: str
    declared: str


@dataclass(frozen=True, slots=True)
class _Value:
    name: str
    text: str


class _Parts:
    """The parser pushes; this collects what it pushed of one chunk."""

    def __init__(self, content_type: str | None) -> None:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise MultipartInvalid
        self.is_complete = False
        self._events: list[_Begin | _Value | bytes] = []
        self._count = 0
        self._part = _Part()
        self._name = ""
        try:
            self._parser = MultipartParser(
                options[b"boundary"],
                {
                    "on_part_begin": self._begin,
                    "on_header_field": lambda data, start, end: self._part.header.extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._part.value.extend(data[start:end]),
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": self._take,
                    "on_part_end": self._end,
                    "on_end": self._complete,
                },
            )
        except FormParserError as error:
            raise MultipartInvalid from error

    def feed(self, chunk: bytes) -> list[_Begin | _Value | bytes]:
        """What the chunk holds. What comes after the last boundary is nobody's."""
        self._events = []
        if not self.is_complete:
            try:
                self._parser.write(chunk)
            except FormParserError as error:
                raise MultipartInvalid from error
        return self._events

    def _begin(self) -> None:
        self._count += 1
        if self._count > MAX_PARTS:
            raise MultipartInvalid(f"The form has more than {MAX_PARTS} parts.")
        self._part = _Part()

    def _end_header(self) -> None:
        part = self._part
        part.headers[bytes(part.header).decode("latin-1").lower()] = bytes(part.value)
        part.header.clear()
        part.value.clear()

    def _end_headers(self) -> None:
        kind, options = parse_options_header(self._part.headers.get("content-disposition", b"").decode("latin-1"))
        if kind != b"form-data" or b"name" not in options:
            raise MultipartInvalid("A part has no name.")
        self._name = _decode(options[b"name"])
        declared = self._part.headers.get("content-type", b"").decode("latin-1")
        file_name = _unescape(_decode(options.get(b"filename", b"")))
        self._events.append(_Begin(self._name, file_name, declared))

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self._name == FILE:
            self._events.append(data[start:end])
            return
        self._part.value += data[start:end]
        if len(self._part.value) > MAX_FIELD:
            raise MultipartInvalid(f"The field {self._name[:64]!r} is too long.")

    def _end(self) -> None:
        if self._name != FILE:
            self._events.append(_Value(self._name, _decode(bytes(self._part.value))))

    def _complete(self) -> None:
        self.is_complete = True


def _unescape(name: str) -> str:
    """What browsers write for a quote or a line break in a name (HTML 4.10.22.7)."""
    for escaped, character in (("%22", '"'), ("%0D", "\r"), ("%0A", "\n")):
        name = name.replace(escaped, character)
    return name


def _decode(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise MultipartInvalid("The form has text that is not UTF-8.") from error
