"""Names, types and ranges: what goes in, whatever it is, and what comes out."""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
from email.message import Message
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import RangeNotSatisfiable, Unauthenticated
from common.ids import TenantName, new_id
from tools.attachments.addresses import ContentAddress, ContentAddresses
from tools.attachments.names import clean_name, content_disposition
from tools.attachments.ranges import choose_part
from tools.attachments.sniffing import is_allowed, sniff


@pytest.mark.parametrize(
    ("hostile", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\system32\\cmd.exe", "cmd.exe"),
        ("..", "file"),
        ("", "file"),
        (" . ", "file"),
        ("a\0b\r\nX-Evil: 1.txt", "abX-Evil_ 1.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\u200bb\ufeffc.pdf", "abc.pdf"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("com1", "_com1"),
        ("console.txt", "console.txt"),
        ('a"b<c>d|e?f*g:h', "a_b_c_d_e_f_g_h"),
        ("trailing. . .", "trailing"),
        (".htaccess", ".htaccess"),
        ("Απόδειξη πληρωμής.pdf", "Απόδειξη πληρωμής.pdf"),
        ("e\u0301.txt", "é.txt"),
        ("x" * 300 + ".pdf", "x" * 251 + ".pdf"),
        ("€" * 100 + ".pdf", "€" * 83 + ".pdf"),
        ("." + "x" * 300, "." + "x" * 254),
    ],
)
def test_a_hostile_name_is_made_safe(hostile: str, safe: str) -> None:
    assert clean_name(hostile) == safe


@settings(max_examples=50)
@given(st.text(max_size=60))
def test_every_name_becomes_one_that_any_system_can_save(given_name: str) -> None:
    name = clean_name(given_name)

    assert 1 <= len(name.encode()) <= 255
    assert not re.search(r'[/\\<>:"|?*]', name)
    assert not name.endswith((".", " "))
    assert all(unicodedata.category(character) not in {"Cc", "Cf", "Cs"} for character in name)
    assert clean_name(name) == name


@settings(max_examples=50)
@given(st.text(max_size=60))
def test_a_header_says_the_whole_name_and_nothing_else(given_name: str) -> None:
    name = clean_name(given_name)

    header = content_disposition(name)

    header.encode("ascii")
    assert "\r" not in header
    assert "\n" not in header
    parsed = Message()
    parsed["Content-Disposition"] = header
    assert parsed.get_content_disposition() == "attachment"
    assert unquote(header.partition("filename*=UTF-8''")[2]) == name


WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def zipped(*names: str) -> bytes:
    """A ZIP archive with these in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "declared", "expected"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a.txt", "text/plain", "image/png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "a", "", "image/jpeg"),
        (b"GIF89a\1\0\1\0<script>alert(1)</script>", "a.html", "text/html", "image/gif"),
        (b"%PDF-1.7\n%\xe2\xe3", "a.html", "text/html", "application/pdf"),
        (b"\0\0\0\x18ftypmp42\0\0", "a", "", "video/mp4"),
        (zipped("[Content_Types].xml"), "a.docx", "", WORD),
        (zipped("x"), "a.png", "image/png", "application/zip"),
        (zipped("META-INF/"), "a.jar", "", "application/java-archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a.xls", "", "application/vnd.ms-excel"),
        (bytes(range(256)), "a.png", "image/png", "application/octet-stream"),
        (b"", "a.csv", "", "text/csv"),
        ("α,β\n".encode(), "a.csv", "", "text/csv"),
        (b"a,b\n", "a", "text/csv; charset=utf-8", "text/csv"),
        (b"just text", "a.png", "image/png", "text/plain"),
        ("Λατινικά".encode("iso-8859-7"), "a.txt", "", "text/plain"),
        ("wide".encode("utf-16"), "a.txt", "", "text/plain"),
        ("<script>x</script>".encode("utf-16"), "a.txt", "", "text/html"),
        (b"\xef\xbb\xbf \n<HTML>", "a.txt", "", "text/html"),
        (b"<?xml version='1.0'?><a/>", "a.xml", "", "application/xml"),
        (b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'/>", "a.xml", "", "application/xhtml+xml"),
        (b"<!-- x -->" + b" " * 500 + b"<svg onload='x'>", "a.xml", "", "image/svg+xml"),
        (b"From: a@b\r\n\r\n<html>", "a.eml", "", "message/rfc822"),
        (b"BEGIN:VCALENDAR\r\n", "a", "", "text/calendar"),
        (b'{"a": 1}', "a.json", "", "application/json"),
        (b"x", "a.html", "", "text/html"),
        (b"x", "a", "text/html", "text/html"),
        (b"x", "a.PHP", "", "text/x-script"),
        (b"MZ\x90\0", "a.pdf", "application/pdf", "application/vnd.microsoft.portable-executable"),
    ],
)  # fmt: skip
def test_a_file_is_what_its_bytes_say(content: bytes, name: str, declared: str, expected: str) -> None:
    assert sniff(content, name, declared) == expected


@settings(max_examples=50)
@given(st.binary(max_size=40), st.text(max_size=9), st.text(max_size=9))
def test_every_content_has_a_type(content: bytes, name: str, declared: str) -> None:
    assert re.fullmatch(r"[a-z0-9.+-]+/[a-z0-9.+_-]+", sniff(content, name, declared))


def test_a_wildcard_never_means_what_would_be_run() -> None:
    assert is_allowed("image/png", ["image/*"])
    assert not is_allowed("image/svg+xml", ["image/*", "*"])
    assert is_allowed("image/svg+xml", ["image/svg+xml"])
    assert not is_allowed("application/pdf", ["image/*", "application/pd"])


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, 10),
        ("bytes=3-5", 3, 6),
        ("bytes=3-99", 3, 10),
        ("bytes=9-", 9, 10),
        ("bytes=-1", 9, 10),
        ("bytes=-99", 0, 10),
        ("BYTES = 3-5 ", 3, 6),
    ],
)
def test_a_range_is_cut_to_the_file(wanted: str, start: int, stop: int) -> None:
    part = choose_part(10, '"e"', wanted, None)

    assert (part.start, part.stop, part.is_whole) == (start, stop, False)
    assert part.headers["Content-Range"] == f"bytes {start}-{stop - 1}/10"


@pytest.mark.parametrize(
    "wanted",
    [None, "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-3", "lines=1-2", "bytes=0-1,3-4", "bytes=-1-2",
     "bytes=" + ",".join(["0-"] * 1000), "bytes=0-" + "9" * 400, "bytes=٣-٤"],
)  # fmt: skip
def test_what_is_no_single_range_is_the_whole_file(wanted: str | None) -> None:
    part = choose_part(10, '"e"', wanted, None)

    assert (part.start, part.stop, part.is_whole, "Content-Range" in part.headers) == (0, 10, True, False)


@pytest.mark.parametrize(
    ("size", "wanted"), [(10, "bytes=10-"), (10, "bytes=99-100"), (10, "bytes=-0"), (0, "bytes=0-")]
)
def test_what_lies_behind_the_end_cannot_be_had(size: int, wanted: str) -> None:
    with pytest.raises(RangeNotSatisfiable):
        choose_part(size, '"e"', wanted, None)


@pytest.mark.parametrize(
    ("condition", "is_whole"), [('"e"', False), ('W/"e"', True), ('"f"', True), ("Mon, 01 Jan", True)]
)
def test_a_range_of_another_version_is_the_whole_file(condition: str, is_whole: bool) -> None:
    assert choose_part(10, '"e"', "bytes=0-1", condition).is_whole == is_whole


@pytest.mark.promise("T1")
def test_every_changed_character_of_an_address_is_noticed() -> None:
    tenant = TenantName.parse("acme")
    assert tenant is not None
    address = ContentAddress(tenant, new_id(), 2_000_000_000)
    addresses = ContentAddresses("a secret of thirty-two bytes or so", "the one before it")

    token = addresses.issue(address)

    assert addresses.verify(token, 1_999_999_999) == address
    assert ContentAddresses("a new one", "a secret of thirty-two bytes or so").verify(token, 0) == address
    for number, character in enumerate(token):
        changed = token[:number] + ("a" if character != "a" else "b") + token[number + 1 :]
        with pytest.raises(Unauthenticated):
            addresses.verify(changed, 0)
    for text in ("", ".", "a.b.c", token + "=", token[:-1], "\0", "é", "x" * 10_000, token.replace("acme", "acmé")):
        with pytest.raises(Unauthenticated):
            addresses.verify(text, 0)
    with pytest.raises(Unauthenticated):
        addresses.verify(token, 2_000_000_000)
