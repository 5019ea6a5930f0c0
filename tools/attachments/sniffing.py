"""What a file really is: by its first bytes, and by its name only as far as these allow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import puremagic

HEAD: Final = 8192  # bytes that are looked at
UNKNOWN: Final = "application/octet-stream"
CONFIDENT: Final = 0.3  # what puremagic says of a signature of three bytes
LEAST_SIGNATURE: Final = 3  # bytes; shorter ones are found in anything

# What a browser or a computer would run. No wildcard of an allow-list means these.
ACTIVE: Final = frozenset(
    {
        "text/html",
        "application/xhtml+xml",
        "image/svg+xml",
        "text/javascript",
        "text/x-script",
        "application/x-elf",
        "application/vnd.microsoft.portable-executable",
        "application/java-archive",
        "application/x-msi",
    }
)
_SCRIPTS: Final = (
    *("sh", "bash", "py", "pl", "rb", "php", "phtml", "ps1", "psm1"),
    *("bat", "cmd", "vbs", "vbe", "wsf", "wsh", "hta", "scpt", "jse"),
)
_BY_ENDING: Final = {
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "md": "text/markdown",
    "json": "application/json",
    "eml": "message/rfc822",
    "ics": "text/calendar",
    "vcf": "text/vcard",
    "htm": "text/html",
    "html": "text/html",
    "xhtml": "application/xhtml+xml",
    "svg": "image/svg+xml",
    "js": "text/javascript",
    "mjs": "text/javascript",
    **dict.fromkeys(_SCRIPTS, "text/x-script"),
}
_KINDS_OF_TEXT: Final = frozenset(_BY_ENDING.values())
_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
_OPEN: Final = "application/vnd.oasis.opendocument"
_IN_ZIP: Final = {
    "docx": f"{_OFFICE}.wordprocessingml.document",
    "xlsx": f"{_OFFICE}.spreadsheetml.sheet",
    "pptx": f"{_OFFICE}.presentationml.presentation",
    "odt": f"{_OPEN}.text",
    "ods": f"{_OPEN}.spreadsheet",
    "odp": f"{_OPEN}.presentation",
    "epub": "application/epub+zip",
    "jar": "application/java-archive",
}
_IN_OLE: Final = {
    "doc": "application/msword",
    "xls": "application/vnd.ms-excel",
    "ppt": "application/vnd.ms-powerpoint",
    "msg": "application/vnd.ms-outlook",
    "msi": "application/x-msi",
}
# Signatures that stand for several types, told apart by the name, and the type where the name says nothing.
_FAMILIES: Final[tuple[tuple[bytes, Mapping[str, str], str], ...]] = (
    (b"PK\x03\x04", _IN_ZIP, "application/zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _IN_OLE, "application/x-ole-storage"),
    (b"\x7fELF", {}, "application/x-elf"),
    (b"MZ", {}, "application/vnd.microsoft.portable-executable"),
)
# Of what is text, what says so itself; the order counts. The tags are those browsers look for (MIME Sniffing 7.1).
_MARKUP: Final = (
    (re.compile(rb"<svg[\s>]", re.IGNORECASE), "image/svg+xml"),
    (re.compile(rb"http://www\.w3\.org/1999/xhtml", re.IGNORECASE), "application/xhtml+xml"),
    (
        re.compile(
            rb"<(!doctype html|html|head|body|script|iframe|object|embed|form|style|link|meta|base|img|svg|h1|div|font|"
            rb"table|a|title|b|br|p)[\s>/]",
            re.IGNORECASE,
        ),
        "text/html",
    ),
)
_MARKUP_IN_XML: Final = _MARKUP[:2]
_BEGINNINGS: Final = (
    (re.compile(rb"#!|<\?php|<\?=|@echo off", re.IGNORECASE), "text/x-script"),
    (re.compile(rb"\{\\rtf"), "application/rtf"),
    (re.compile(rb"%PDF-"), "application/pdf"),
    (re.compile(rb"BEGIN:VCALENDAR"), "text/calendar"),
    (re.compile(rb"BEGIN:VCARD"), "text/vcard"),
    (re.compile(rb"<\?xml"), "application/xml"),
)
_WIDE: Final = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_BINARY: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")  # what no text has (MIME Sniffing section 3)


def sniff(head: bytes, name: str, declared: str) -> str:
    """The media type of a file that begins with ``head``, its first bytes, or all of them.

    What its sender calls it, by the name's ending or a declared type, decides only where the bytes leave a choice:
    between kinds of text, and between what lies in the same container."""
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    text = _as_text(head)
    return (
        _sniff_binary(head, ending)
        if text is None
        else _sniff_text(text, ending, declared.partition(";")[0].strip().lower())
    )


def is_allowed(media_type: str, allowed: Iterable[str]) -> bool:
    """Whether an allow-list has the type, or a beginning of it followed by ``*``."""
    return any(
        media_type == entry or (entry.endswith("*") and media_type.startswith(entry[:-1]) and media_type not in ACTIVE)
        for entry in allowed
    )


def _as_text(head: bytes) -> bytes | None:
    """The text in UTF-8, or something like it; None when it is none."""
    for mark, encoding in _WIDE:
        if head.startswith(mark):
            return head[2:].decode(encoding, errors="replace").encode(errors="replace")
    return None if _BINARY.search(head) else head.removeprefix(b"\xef\xbb\xbf")


def _sniff_text(text: bytes, ending: str, declared: str) -> str:
    start = text.lstrip()
    is_mail = ending == "eml"  # which may well have HTML inside
    found = next((kind for pattern, kind in _BEGINNINGS if pattern.match(start)), None)
    if found in {None, "application/xml"} and not is_mail and start.startswith(b"<"):
        possible = _MARKUP if found is None else _MARKUP_IN_XML
        found = next((kind for pattern, kind in possible if pattern.search(text)), found)
    return found or _BY_ENDING.get(ending) or (declared if declared in _KINDS_OF_TEXT else "text/plain")


def _sniff_binary(head: bytes, ending: str) -> str:
    for signature, members, otherwise in _FAMILIES:
        if head.startswith(signature):
            return members.get(ending, otherwise)
    try:
        guesses = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return UNKNOWN
    good = [
        guess.mime_type
        for guess in guesses
        if guess.mime_type and guess.confidence >= CONFIDENT and len(guess.byte_match or b"") >= LEAST_SIGNATURE
    ]
    return good[0].lower() if good else UNKNOWN
