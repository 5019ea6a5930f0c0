"""An export proves itself, with Python's standard library alone, and every change of the file is found."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest
from fastapi import FastAPI

from common.clock import now
from settings.audit import verify_export
from settings.audit.signing import seal_export, seal_tombstone
from settings.audit.verify_export import Broken, Unreadable, columns_of, hash_of, verify_file
from tests.support.apps import services_of
from tests.support.contracts.lists import walk
from tests.support.world import TestTenant

pytestmark = pytest.mark.promise("D3")

PATH: Final = "/settings/audit-logs"
Lines = list[dict[str, Any]]


@pytest.fixture(scope="module")
async def export(logged: TestTenant) -> Lines:
    """The whole log as an export has it: the API's entries, oldest first, and the end."""
    entries = await walk(logged.owner, PATH, sort="seq", limit=200)
    checkpoint = (await logged.owner.get(f"{PATH}/checkpoint")).json()
    return [*entries, _end(logged, entries, checkpoint=checkpoint)]


def _end(tenant: TestTenant, entries: Lines, **more: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {"filters": {}, "tombstone": None, "checkpoint": None, "seal": None}
    return {"end": {"tenant": tenant.name, "entries": len(entries), **empty, **more}}


def as_lines(export: Lines) -> bytes:
    """As NDJSON."""
    return b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in export)


def as_array(export: Lines) -> bytes:
    """As JSON."""
    *entries, end = (json.dumps(line, ensure_ascii=False) for line in export)
    return ('{"entries":[\n' + ",\n".join(entries) + "\n],\n" + end.removeprefix("{") + "\n").encode()


def test_a_whole_file_is_proven_in_every_form(export: Lines, tmp_path: Path) -> None:
    public_key = export[-1]["end"]["checkpoint"]["public_key"]
    forms = {"ndjson": as_lines(export), "json": as_array(export), "gz": gzip.compress(as_lines(export))}
    assert json.loads(forms["json"])["entries"] == export[:-1]

    for name, content in forms.items():
        path = tmp_path / name
        path.write_bytes(content)
        for key in (None, public_key, public_key.upper()):
            proof = verify_file(path, key)
            assert (proof.entries, proof.first_seq, proof.last_seq) == (len(export) - 1, 1, len(export) - 1), name
            assert proof.public_key == public_key


def _count(lines: Lines) -> int:
    lines[-1]["end"]["entries"] = count = len(lines) - 1
    return count


def _shorten(lines: Lines) -> None:
    lines.pop(-2)
    lines[-1]["end"]["checkpoint"].update(size=_count(lines), head_hash=lines[-2]["hash"])


CHANGES: Final[dict[str, tuple[Callable[[Lines], Any], str]]] = {
    "action": (lambda lines: lines[3].update(action="innocent"), "altered"),
    "actor": (lambda lines: lines[3]["actor"].update(name="x"), "altered"),
    "change": (lambda lines: lines[-3]["changes"].append({}), "altered"),
    "more fields": (lambda lines: lines[3].update(note="x"), "altered"),
    "fewer fields": (lambda lines: lines[3].pop("session_id"), "altered"),
    "moved to a neighbour": (lambda lines: lines[3].update(ip_address="x", user_agent=None), "altered"),
    "odd types": (lambda lines: lines[3].update(actor=[], seq="x"), "altered"),
    "hash too": (lambda lines: lines[3].update(hash=hash_of(columns_of(lines[3] | {"action": "x"})), action="x"),
                 "rewritten"),
    "gone": (lambda lines: lines.pop(3), "deleted"),
    "gone and counted": (lambda lines: (lines.pop(3), _count(lines)), "deleted"),
    "first gone": (lambda lines: (lines.pop(0), _count(lines)), "deleted"),
    "last gone": (lambda lines: (lines.pop(-2), _count(lines)), "truncated"),
    "end gone": (lambda lines: lines.pop(), "truncated"),
    "twice": (lambda lines: lines.insert(3, lines[3]), "reordered"),
    "exchanged": (lambda lines: lines.insert(3, lines.pop(4)), "reordered"),
    "after the end": (lambda lines: lines.append(lines[3]), "inserted"),
    "other tenant": (lambda lines: lines[-1]["end"].update(tenant="tenant_other"), "forged"),
    "signature": (lambda lines: lines[-1]["end"]["checkpoint"].update(signature="00" * 64), "forged"),
    "time signed": (lambda lines: lines[-1]["end"]["checkpoint"].update(time="2020-01-01T00:00:00.000000Z"), "forged"),
    "shorter signed": (_shorten, "forged"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_of_a_file_is_found(name: str, export: Lines, tmp_path: Path) -> None:
    change, kind = CHANGES[name]
    lines = json.loads(json.dumps(export))
    change(lines)

    for write in (as_lines, as_array):
        if write is as_array and "end" not in lines[-1]:
            continue  # has no such form
        path = tmp_path / write.__name__
        path.write_bytes(write(lines))
        with pytest.raises(Broken) as found:
            verify_file(path)
        assert found.value.kind == kind


def test_another_key_than_the_known_one_is_refused(export: Lines, tmp_path: Path) -> None:
    path = tmp_path / "export"
    path.write_bytes(as_lines(export))

    with pytest.raises(Broken, match="another key"):
        verify_file(path, "00" * 32)


@pytest.mark.parametrize(
    "content", [b"seq,id\n1,2\n", b"[1]\n", b"\xff\xfe\n", b"\x1f\x8bnothing", b'{"a":1,"a":2}\n', b"[" * 100_000]
)
def test_what_is_no_export_is_not_read(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "export"
    path.write_bytes(content)

    with pytest.raises(Unreadable):
        verify_file(path)


def test_a_damaged_archive_is_not_read(export: Lines, tmp_path: Path) -> None:
    path = tmp_path / "export"
    path.write_bytes(gzip.compress(as_lines(export))[:-20])

    with pytest.raises(Unreadable, match="cut off"):
        verify_file(path)


def test_a_filtered_export_is_proven_by_its_seal(
    app: FastAPI, logged: TestTenant, export: Lines, tmp_path: Path
) -> None:
    """Its gaps are the filter's; what was changed after sealing is found all the same."""
    picked, path, filters = export[:-1:2], tmp_path / "export", {"action": "things.*"}
    content = as_lines(picked)
    digest = hashlib.sha256(content).hexdigest()
    seals = services_of(app).audit_seals
    seal = seal_export(seals, logged.name, len(picked), filters=filters, sha256=digest, moment=now())
    end = as_lines([_end(logged, picked, filters=filters, seal=seal.model_dump(mode="json"))])

    path.write_bytes(content + end)
    proof = verify_file(path)
    assert (proof.entries, proof.is_filtered) == (len(picked), True)
    for broken in (
        as_lines(picked[:3] + picked[4:])
        + end.replace(b'"entries": %d' % len(picked), b'"entries": %d' % (len(picked) - 1)),
        content + end.replace(b"things.*", b"users.*"),
        content + as_lines([_end(logged, picked, filters=filters)]),
    ):
        path.write_bytes(broken)
        with pytest.raises((Broken, Unreadable)):
            verify_file(path)


def test_an_export_without_the_removed_entries_begins_at_the_tombstone(
    app: FastAPI, logged: TestTenant, export: Lines, tmp_path: Path
) -> None:
    rest, path = export[4:-1], tmp_path / "export"
    made = seal_tombstone(services_of(app).audit_seals, logged.name, 4, bytes.fromhex(export[3]["hash"]), now())
    checkpoint = export[-1]["end"]["checkpoint"]
    good = made.model_dump(mode="json")

    path.write_bytes(as_lines([*rest, _end(logged, rest, checkpoint=checkpoint, tombstone=good)]))
    assert verify_file(path).first_seq == 5
    for tombstone in (None, good | {"through_seq": 3}, good | {"hash": "00" * 32}, good | {"signature": "00" * 64}):
        path.write_bytes(as_lines([*rest, _end(logged, rest, checkpoint=checkpoint, tombstone=tombstone)]))
        with pytest.raises(Broken):
            verify_file(path)


def test_the_verifier_runs_alone(export: Lines, tmp_path: Path) -> None:
    """Copied elsewhere, with no package but those that come with Python."""
    script, path = tmp_path / "verify_export.py", tmp_path / "export.ndjson"
    script.write_bytes(Path(verify_export.__file__).read_bytes())
    path.write_bytes(as_lines(export))

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-S", str(script), str(path), *more]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    proven = run("--public-key", export[-1]["end"]["checkpoint"]["public_key"])
    assert (proven.returncode, proven.stderr) == (0, "")
    assert proven.stdout.startswith(f"Proven: {len(export) - 1} entries of tenant_")
    path.write_bytes(as_lines(export[:5] + export[6:]))
    assert run().returncode == 1
    path.write_bytes(b"nonsense")
    assert run().returncode == 2


async def test_the_columns_of_an_exported_entry_are_those_that_were_hashed(
    logged_connection: asyncpg.Connection, export: Lines
) -> None:
    """What the script hashes is, text for text, what PostgreSQL hashed."""
    rows = await logged_connection.fetch("SELECT audit_canonical(item) FROM audit_logs AS item ORDER BY seq")
    read = [verify_export.read_json(json.dumps(entry)) for entry in export[:-1]]
    assert [verify_export.canonical(columns_of(entry)) for entry in read] == [row[0] for row in rows]
