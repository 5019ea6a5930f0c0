"""File names: safe to store, to show, to put into a header, and to save under on any system."""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import quote

MAX_BYTES: Final = 255  # of a name on all common file systems
LONGEST_ENDING: Final = 16  # characters of what is kept behind the last dot when a name is cut
NAMELESS: Final = "file"
_TAIL: Final = re.compile(r"[\s.]+\Z")  # dots and blanks at the end, which Windows drops
_FORBIDDEN: Final = re.compile(r'[<>:"|?*]')  # on Windows
# Names of devices on Windows, whatever their ending.
_DEVICES: Final = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)", re.IGNORECASE)
_SAFE_IN_HEADER: Final = "!#$&+-.^_`|~"  # attr-char of RFC 5987 section 3.2.1, beside letters and digits


def clean_name(given: str) -> str:
    """The name a file gets: the last part of a path, without what cannot be seen or turns the reading direction
    (``invoice\\u202efdp.exe``), in NFC, at most 255 bytes long."""
    name = unicodedata.normalize("NFC", given.replace("\\", "/").rpartition("/")[2])
    name = "".join(character for character in name if _is_visible(character))
    name = _TAIL.sub("", _FORBIDDEN.sub("_", name).lstrip())
    if not name.strip("."):
        return NAMELESS
    if _DEVICES.match(name):
        name = f"_{name}"
    return _cut(name)


def content_disposition(name: str) -> str:
    """Have a browser save it, under its name (RFC 6266), which clients of old read without what is not ASCII."""
    plain = "".join(character if character.isascii() and character not in '"\\%' else "_" for character in name)
    encoded = quote(name, safe=_SAFE_IN_HEADER)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"


def _is_visible(character: str) -> bool:
    """Neither control nor format characters, private ones, surrogates, nor breaks of line."""
    return unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _cut(name: str) -> str:
    """Shorten what stands before the ending."""
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending) > LONGEST_ENDING:
        stem, dot, ending = name, "", ""
    room = MAX_BYTES - len(f"{dot}{ending}".encode())
    stem = stem.encode()[:room].decode(errors="ignore")
    return _TAIL.sub("", f"{stem}{dot}{ending}")  # where a name is cut it may have one again
