"""What a hostile client sends: values for fields, targets, and heads that two readers understand differently."""

from __future__ import annotations

from typing import Any, Final

DEEP: Final = 100_000
# JSON texts for any field of any body. None of them is a value that any field of ours takes.
REFUSED: Final[dict[str, str]] = {
    "NaN": "NaN",
    "minus infinity": "-Infinity",
    "ten to the 400th": "1" + "0" * 400,
    "a fraction beyond doubles": "1e400",
    "a lone surrogate": '"\\ud800"',
    "the other half": '"a\\udfff"',
    "a deep array": "[" * 900 + "]" * 900,
    "a nested object": '{"a": {"$ref": "#"}}',
}
# Those that some fields take; none is a defect.
BORDERLINE: Final[dict[str, str]] = {
    "NUL": '"a\\u0000b"',
    "a long text": '"' + "x" * 300_000 + '"',
    "a long array": "[" + ",".join(["0"] * 50_000) + "]",
    "many fields": "{" + ",".join(f'"{number}": 0' for number in range(5_000)) + "}",
    "text that runs the other way": '"\\u202e\\u2066\\u200f\\ufeff\\u0007\\u009b"',
    "noncharacters": '"\\uffff\\ufffe\\udbff\\udfff"',
    "combining marks": '"' + "a" + "\\u0301" * 500 + '"',
    "a path": '"../../../../etc/passwd%00.png"',
    "SQL": '"\'; DROP TABLE users; --"',
    "a template": '"{{7*7}}${7*7}<%= 7 %>"',
    "a header": '"a\\r\\nX-Injected: b"',
    "a formula": "\"=cmd|' /C calc'!A0\"",
    "minus zero": "-0.0",
    "null": "null",
    "an empty text": '""',
    "an early moment": '"0001-01-01T00:00:00+14:00"',
    "a late moment": '"9999-12-31T23:59:59-14:00"',
    "a number of a bigint more": "9223372036854775808",
}
DUPLICATES: Final = '{"a": 1, "a": 2, "A": 3, "__proto__": {"admin": true}, "constructor": {}}'
# Whole bodies that no operation takes.
BODIES: Final[dict[str, bytes]] = {
    "deep": b"[" * DEEP,
    "deep and closed": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "UTF-16": '{"title": "a"}'.encode("utf-16"),
    "UTF-7": b"+AHsAIgBhACIAOgAxAH0-",
    "latin-1": b'{"title": "\xe9"}',
    "an overlong slash": b'{"title": "\xc0\xaf"}',
    "a raw surrogate": b'{"title": "\xed\xa0\x80"}',
    "NUL after the end": b"{}\x00",
    "two marks": b"\xef\xbb\xbf\xef\xbb\xbf{}",
    "single quotes": b"{'title': 'a'}",
    "a comment": b"{/* */}",
    "a comma too many": b'{"title": "a",}',
    "duplicates": DUPLICATES.encode(),
    "gzip's first bytes": b"\x1f\x8b\x08\x00",
    "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "pickle": b"\x80\x04\x95\x00",
    "a long number": b"1" * 200_000,
    "a long key": b'{"' + b"k" * 300_000 + b'": 1}',
}
# Targets, as they stand in the request line.
TARGETS: Final[tuple[bytes, ...]] = (
    b"/api/v1/users/%00", b"/api/v1/users/a%00b", b"/%00", b"/api/v1//users", b"//api/v1/users", b"/api/v1/users/",
    b"/api/v1/users/..", b"/api/v1/users/../../../etc/passwd", b"/api/v1/users/%2e%2e/%2e%2e/etc/passwd",
    b"/docs/assets/../../main.py", b"/docs/assets/%2e%2e%2f%2e%2e%2fmain.py", b"/docs/assets/..%5c..%5cmain.py",
    b"/docs/assets//etc/passwd", b"/api/v1/tools/attachments/..%2f..%2f/content", b"/api/v1/users/%ff%fe",
    b"/api/v1/users/%c0%ae%c0%ae/", b"/api/v1/users/%u002e", b"/api/v1/users/%", b"/api/v1/users/%zz",
    b"/api/v1/users/%25%30%30", b"/api/v1/users/%0d%0aX-Injected:%20a", b"/api/v1/users;a=b", b"/api/v1/users\\..",
    b"/API/V1/USERS", b"/api/v1/users?", b"/api/v1/users??", b"/api/v1/users?a=%ff", b"/api/v1/users?%00=%00",
    b"/api/v1/users?q=%ed%a0%80", b"/api/v1/users?limit=%EF%BC%91", b"/api/v1/users?limit=1&limit=2",
    b"/api/v1/users?limit=1;limit=2", b"/api/v1/users?cursor=" + b"A" * 6_000, b"/api/v1/users?sort=" + b"," * 5_000,
    b"/api/v1/users?" + b"a=b&" * 5_000, b"/api/v1/users#fragment", b"http://service.test/api/v1/users",
    b"http://user:secret@evil.example/api/v1/users", b"http://[::1/api", b"http://", b"*", b"", b"?", b"#",
    b"api/v1/users",
    b"\\api\\v1", b"/\xff\xfe", b"/\xc3\xa9", b"/a b", b"/a\tb", b"/a\x00b", b"/a\x7fb", b"/" + b"a/" * 15_000,
    b"/" + b"%2f" * 10_000, b"file:///etc/passwd", b"javascript:alert(1)", b"evil.example:443", b"/.git/config",
    b"/.env",
)  # fmt: skip
METHODS: Final[tuple[bytes, ...]] = (
    b"TRACE", b"CONNECT", b"OPTIONS", b"PROPFIND", b"PURGE", b"get", b"GeT", b"GET\x00", b"G E T", b"QUERY",
    b"M-SEARCH",
    b"LINK", b"", b"A" * 10_000,
)  # fmt: skip
VERSIONS: Final[tuple[bytes, ...]] = (
    b"HTTP/1.0", b"HTTP/0.9", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/9.9", b"HTTP/1.1.1", b"http/1.1", b"HTTP/1.",
    b"HTTPS/1.1",
    b"ICY", b"", b"HTTP/1.1 HTTP/1.1",
)  # fmt: skip
# Headers beside good ones, whole lines. They are refused, or mean nothing; none makes a request another one.
HEADERS: Final[tuple[bytes, ...]] = (
    b"X-HTTP-Method-Override: DELETE", b"X-HTTP-Method: DELETE", b"X-Method-Override: DELETE",
    b"X-Original-URL: /api/v1/platform/tenants", b"X-Rewrite-URL: /api/v1/platform/tenants",
    b"X-Forwarded-Host: evil.example", b"X-Forwarded-Proto: gopher", b"Forwarded: for=\"[::1]:%00\"",
    b"X-Forwarded-For: \xff\xfe", b"X-Forwarded-For: " + b"1," * 5_000, b"Host: evil.example", b"Host: ",
    b"X-Tenant-ID: public", b"X-Tenant-ID: \xff", b"Authorization: Bearer \xff\xfe", b"Authorization: Basic YTpi",
    b"Authorization: " + b"a" * 20_000, b"X-API-Key: \x80", b"Cookie: " + b"a=b; " * 4_000, b"Accept: \xff",
    b"Accept: " + b"a/b;q=0.1," * 2_000, b"Accept-Encoding: " + b"gzip;q=" + b"9" * 5_000, b"Accept-Language: \xf0\x9f",
    b"Range: bytes=0-0," + b"1-1," * 3_000, b"If-Match: " + b'"v1",' * 3_000, b"If-None-Match: W/\"\xff\"",
    b"If-Match: *", b"If-Modified-Since: yesterday", b"X-Request-ID: a\x7fb", b"X-Request-ID: \xff" + b"a" * 200,
    b"Idempotency-Key: \xff", b"Idempotency-Key: " + b"k" * 20_000, b"Origin: null", b"Origin: \xff",
    b"User-Agent: \x80\x81" + b"u" * 9_000,
    b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAM",
    b"Upgrade: websocket\r\nConnection: Upgrade", b"Connection: X-Tenant-ID, Authorization", b"TE: trailers, deflate",
    b"Trailer: Authorization", b"Max-Forwards: -1", b"Proxy-Authorization: a", b"Via: " + b"1.1 a, " * 3_000,
    b"Content-Type: \xff/\xff", b"Content-Encoding: gzip", b"Expect: 200-maybe",
    b"Content-Length: 0\r\nContent-Length: 0",
    b"a" * 20_000 + b": b", b": empty", b"no colon", b" leading: blank", b"trailing : blank", b"\xff: a", b"a\x00: b",
    b"a: b\x00", b"a: b\rc: d", b"a: b\nc: d", b"a: b\r\n\tfolded", b"\r\nGET /smuggled HTTP/1.1",
)  # fmt: skip


def smuggling(smuggled: bytes) -> dict[str, bytes]:
    """Heads and bodies by which one reader sees a request where another sees a body. ``smuggled`` is that request."""
    chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (len(smuggled), smuggled)
    forms: dict[str, tuple[bytes, bytes]] = {
        "length before chunks": (b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"0\r\n\r\n" + smuggled),
        "chunks before length": (b"Transfer-Encoding: chunked\r\nContent-Length: 5", b"0\r\n\r\n" + smuggled),
        "two lengths": (b"Content-Length: 0\r\nContent-Length: %d" % len(smuggled), smuggled),
        "a list of lengths": (b"Content-Length: 0, %d" % len(smuggled), smuggled),
        "a length with a sign": (b"Content-Length: +0", smuggled),
        "a negative length": (b"Content-Length: -1", smuggled),
        "a hexadecimal length": (b"Content-Length: 0x0", smuggled),
        "a length in Arabic digits": ("Content-Length: ٠".encode(), smuggled),
        "a length beyond 64 bits": (b"Content-Length: 18446744073709551616", smuggled),
        "a blank before the colon": (b"Transfer-Encoding : chunked", chunk),
        "a tab before the coding": (b"Transfer-Encoding:\tchunked\r\nContent-Length: 0", chunk),
        "a vertical tab after it": (b"Transfer-Encoding: chunked\x0b\r\nContent-Length: 0", chunk),
        "another coding": (b"Transfer-Encoding: xchunked\r\nContent-Length: 0", smuggled),
        "no coding": (b"Transfer-Encoding: identity\r\nContent-Length: 0", smuggled),
        "chunked, then more": (b"Transfer-Encoding: chunked, gzip", chunk),
        "chunked twice": (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\nContent-Length: 0", chunk),
        "chunked and a lie": (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: cow", chunk),
        "a folded coding": (b"Transfer-Encoding:\r\n chunked", chunk),
        "a size with a sign": (b"Transfer-Encoding: chunked", b"+0\r\n\r\n" + smuggled),
        "a size with 0x": (b"Transfer-Encoding: chunked", b"0x0\r\n\r\n" + smuggled),
        "a size beyond 64 bits": (b"Transfer-Encoding: chunked", b"1" + b"0" * 17 + b"\r\n" + smuggled),
        "a line feed alone after the size": (b"Transfer-Encoding: chunked", b"0\n\n" + smuggled),
        "a chunk longer than its size": (b"Transfer-Encoding: chunked", b"1\r\nab\r\n0\r\n\r\n" + smuggled),
        "a line feed in an extension": (b"Transfer-Encoding: chunked", b"0;a\n\r\n\r\n" + smuggled),
    }
    return {
        name: b"POST /api/v1/auth/verify-tenant HTTP/1.1\r\nHost: a\r\nX-Tenant-ID: a\r\n" + head + b"\r\n\r\n" + body
        for name, (head, body) in forms.items()
    }


def rotated(names: list[str], values: dict[str, str], turn: int) -> str:
    """A JSON object with these fields, whose values are others at each turn."""
    texts = list(values.values())
    fields = (f'"{name}": {texts[(turn + place) % len(texts)]}' for place, name in enumerate(names))
    return "{" + ", ".join(fields) + "}"


def fields_of(document: dict[str, Any], operation: dict[str, Any]) -> list[str] | None:
    """The names of a JSON body's fields; None for an operation without one."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return None
    schema = content["schema"]
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return sorted(schema.get("properties", {}))
