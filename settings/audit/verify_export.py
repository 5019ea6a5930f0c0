#!/usr/bin/env python3
"""Prove an exported audit log, with nothing but Python's standard library.

    python verify_export.py FILE [--public-key HEX]

Every entry's hash is recomputed from its fields, and must be the one that the next entry names; the last one must be
the one that the service has signed. Nothing of the service is needed, and nothing of it is believed but its public key.
The format is described in docs/audit.md. Exit code 0: proven; 1: not; 2: not a readable export.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

ZERO_HASH = "0" * 64
PLAIN = ("id", "seq", "occurred_at", "action", "changes", "outcome", "ip_address", "user_agent", "request_id")
FIELDS = {*PLAIN, "actor", "target", "session_id", "prev_hash", "hash"}
NAMED = {"type", "id", "name"}


class Unreadable(Exception):
    """The file is no export, or damaged beyond telling entries apart."""


class Broken(Exception):
    """What was found, at which entry, and what that means."""

    def __init__(self, seq: int, kind: str, meaning: str) -> None:
        super().__init__(meaning)
        self.seq, self.kind, self.meaning = seq, kind, meaning


@dataclass
class Proof:
    """What a file was found to hold."""

    tenant: str = ""
    entries: int = 0
    first_seq: int = 0
    last_seq: int = 0
    is_filtered: bool = False
    signed_at: str = ""
    public_key: str = ""


# -- The hash of an entry ---------------------------------------------------------------------------------------------


def canonical(value: Any) -> str:
    """A JSON value as PostgreSQL writes ``jsonb``. Numbers that are not whole come as Decimal."""
    if isinstance(value, Mapping):
        names = sorted(value, key=lambda name: (len(name.encode()), name.encode()))
        return "{" + ", ".join(f"{canonical(name)}: {canonical(value[name])}" for name in names) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(canonical, value)) + "]"
    if isinstance(value, Decimal):
        return format(value if value else value.copy_abs(), "f")  # numeric knows no negative zero
    return json.dumps(value, ensure_ascii=False)


def hash_of(columns: Mapping[str, Any]) -> str:
    """The hash that an entry with these columns must have, the hash of its predecessor among them."""
    return hashlib.sha256(canonical(columns).encode()).hexdigest()


def columns_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The stored columns behind an entry of the API's shape. Raises KeyError or TypeError for another shape."""
    if set(entry) != FIELDS or {*entry["actor"]} != NAMED or {*entry["target"]} != NAMED:
        raise KeyError("an entry has other fields than it should")
    columns = {name: entry[name] for name in (*PLAIN, "session_id", "prev_hash")}
    columns["occurred_at"] = re.sub(
        r"(?:\.(\d{1,6}))?Z$", lambda match: f".{match[1] or '':0<6}Z", entry["occurred_at"]
    )
    for part in ("actor", "target"):
        columns |= {f"{part}_{name}": entry[part][name] for name in ("type", "id", "name")}
    return columns


def read_json(text: str | bytes) -> Any:
    """JSON with numbers digit for digit. Raises ValueError, also where two readers could see two things."""

    def unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise ValueError("a name appears twice in one object")
        return dict(pairs)

    return json.loads(
        text, parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse, object_pairs_hook=unambiguous
    )


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


# -- Ed25519 (RFC 8032 section 5.1, verification only) ----------------------------------------------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int, int, int]  # extended coordinates X, Y, Z, T


def verify_signature(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the holder of the key's other half has signed the message."""
    if len(public_key) != 32 or len(signature) != 64:
        return False
    key, commitment = _decompress(public_key), _decompress(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or scalar >= ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little") % ORDER
    base = _decompress((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    assert base is not None
    x1, y1, z1, _ = _multiply(scalar, base)
    x2, y2, z2, _ = _add(commitment, _multiply(challenge, key))
    return (x1 * z2 - x2 * z1) % P == 0 and (y1 * z2 - y2 * z1) % P == 0


def _add(one: Point, other: Point) -> Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _multiply(scalar: int, point: Point) -> Point:
    result: Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = _add(result, point)
        point, scalar = _add(point, point), scalar >> 1
    return result


def _decompress(data: bytes) -> Point | None:
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


# -- The file ---------------------------------------------------------------------------------------------------------


def verify_file(path: Path, public_key: str | None = None, advance: Callable[[int], None] = lambda _: None) -> Proof:
    """Prove an export. ``advance`` hears how many bytes were read. Raises Broken or Unreadable, and OSError."""
    with path.open("rb") as raw:
        is_packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if not is_packed:
            return _Reader(public_key).read(_told(raw, raw, advance))
        with gzip.open(raw) as unpacked:
            return _Reader(public_key).read(_told(unpacked, raw, advance))


def _told(lines: Iterable[bytes], raw: IO[bytes], advance: Callable[[int], None]) -> Iterator[bytes]:
    try:
        for number, line in enumerate(lines):
            if number % 1000 == 0:
                advance(raw.tell())
            yield line
    except (EOFError, gzip.BadGzipFile, gzip.zlib.error) as error:  # type: ignore[attr-defined] # what gzip.py uses
        raise Unreadable(f"the compressed file is damaged or cut off: {error}") from error


class _Reader:
    """Goes through the lines once, in constant memory."""

    def __init__(self, public_key: str | None) -> None:
        self.pinned = public_key.lower() if public_key else None
        self.proof = Proof()
        self.digest = hashlib.sha256()
        self.is_array = False
        self.last_hash = self.first_prev = ""
        self.gap: Broken | None = None  # matters only if the end says that nothing was left out

    def read(self, lines: Iterator[bytes]) -> Proof:
        for line in lines:
            item = self._parse(line)
            if item is None:
                self.digest.update(line)
            elif "end" in item:
                self._finish(item["end"])
                if any(rest.strip() for rest in lines):
                    raise Broken(self.proof.last_seq, "inserted", "something follows the end")
                return self.proof
            else:
                self.digest.update(line)
                self._follow(item)
        raise Broken(self.proof.last_seq + 1, "truncated", "the file is cut off: its last line is missing")

    def _parse(self, line: bytes) -> dict[str, Any] | None:
        text = line.strip()
        if not self.proof.entries and text.replace(b" ", b"") == b'{"entries":[':
            self.is_array = True
            return None
        if not text or (self.is_array and text in {b"]", b"],"}):
            return None
        if self.is_array:
            text = b"{" + text if text.startswith(b'"end"') else text.removesuffix(b",")
        try:
            item = read_json(text)
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"what follows {self.proof.entries} entries is no entry in JSON: {error}") from error
        if not isinstance(item, dict):
            raise Unreadable("a line is not an object")
        return item

    def _follow(self, entry: dict[str, Any]) -> None:
        proof = self.proof
        try:
            seq = int(entry["seq"])
            columns, given, before = columns_of(entry), str(entry["hash"]), str(entry["prev_hash"])
            is_right = hash_of(columns) == given
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Broken(proof.last_seq + 1, "altered", f"the entry has not the shape of one: {error}") from error
        if not is_right:
            raise Broken(seq, "altered", "its fields do not fit its hash")
        if proof.entries and seq <= proof.last_seq:
            raise Broken(seq, "reordered", "it does not stand in its place")
        if proof.entries and seq == proof.last_seq + 1 and before != self.last_hash:
            raise Broken(proof.last_seq, "rewritten", "the entry after it knows another one in its place")
        if not proof.entries:
            proof.first_seq, self.first_prev = seq, before
        elif seq != proof.last_seq + 1 and self.gap is None:
            self.gap = Broken(proof.last_seq + 1, "deleted", "the entry is missing")
        proof.entries, proof.last_seq, self.last_hash = proof.entries + 1, seq, given

    def _finish(self, end: Any) -> None:
        try:
            self.proof.tenant, self.proof.is_filtered = str(end["tenant"]), bool(end["filters"])
            if end["entries"] != self.proof.entries:
                raise Broken(self.proof.last_seq, "deleted", f"the end tells of {end['entries']} entries")
            if self.proof.is_filtered:
                self._check_seal(end)
            else:
                self._check_chain(end["tombstone"], end["checkpoint"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Unreadable(f"the last line has not the form of an end: {error}") from error

    def _check_seal(self, end: Mapping[str, Any]) -> None:
        """Entries with gaps between them: that they were picked, not made, is proven by a signature over the file."""
        signed = {"type": "audit.export", **{name: end[name] for name in ("tenant", "entries", "filters")}}
        self._check_signature(end["seal"], {**signed, "sha256": self.digest.hexdigest()}, self.proof.last_seq)

    def _check_chain(self, tombstone: Mapping[str, Any] | None, checkpoint: Mapping[str, Any]) -> None:
        proof, start, before = self.proof, 0, ZERO_HASH
        if tombstone is not None:
            start, before = int(tombstone["through_seq"]), tombstone["hash"]
            signed = {"type": "audit.tombstone", "tenant": proof.tenant, "through_seq": start, "hash": before}
            self._check_signature(tombstone, signed, start)
        if proof.entries and proof.first_seq != start + 1:
            raise Broken(start + 1, "deleted", "the entry is missing")
        if self.gap is not None:
            raise self.gap
        if proof.entries and self.first_prev != before:
            raise Broken(proof.first_seq, "rewritten", "it does not follow what was before it")
        last, last_hash = (proof.last_seq, self.last_hash) if proof.entries else (start, before)
        if checkpoint["size"] != last:
            raise Broken(last + 1, "truncated", f"the signed checkpoint knows {checkpoint['size']} entries")
        if checkpoint["head_hash"] != last_hash:
            raise Broken(last, "rewritten", "the signed checkpoint knows another last entry")
        signed = {"type": "audit.checkpoint", "tenant": proof.tenant, "size": last, "head_hash": last_hash}
        self._check_signature(checkpoint, signed, last)

    def _check_signature(self, holder: Mapping[str, Any], signed: Mapping[str, Any], seq: int) -> None:
        key = str(holder["public_key"])
        if self.pinned is not None and key != self.pinned:
            raise Broken(seq, "forged", f"signed with another key: {key}")
        message = canonical({**signed, "time": holder["time"]}).encode()
        if not verify_signature(bytes.fromhex(key), message, bytes.fromhex(holder["signature"])):
            raise Broken(seq, "forged", "the signature is not of this key over these entries")
        self.proof.public_key, self.proof.signed_at = key, str(holder["time"])


def describe(proof: Proof, *, is_pinned: bool) -> str:
    """A proof in sentences."""
    span = f" ({proof.first_seq} to {proof.last_seq})" if proof.entries else ""
    lines = [f"Proven: {proof.entries} entries of {proof.tenant}{span}, signed {proof.signed_at}."]
    if proof.is_filtered:
        lines.append("The export was filtered: the numbers that are missing are those of entries that did not fit.")
    if not is_pinned:
        lines.append(f"Signed with the key {proof.public_key}: compare it with the one you know, or give --public-key.")
    return "\n".join(lines)


def main() -> int:
    """Prove the file named on the command line."""
    parser = argparse.ArgumentParser(description="Prove an exported audit log.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--public-key", metavar="HEX", help="the only key whose signatures are believed")
    options = parser.parse_args()
    try:
        proof = verify_file(options.file, options.public_key)
    except Broken as broken:
        print(f"NOT proven: entry {broken.seq}: {broken.kind}: {broken.meaning}.")
        return 1
    except (Unreadable, OSError) as error:
        print(f"{options.file} cannot be read as an export: {error}", file=sys.stderr)
        return 2
    print(describe(proof, is_pinned=options.public_key is not None))
    return 0


if __name__ == "__main__":
    sys.exit(main())
