"""A tenant as a file: everything it owns, with a manifest and checksums, and back under any name.

A gzipped tar with ``manifest.json`` first, one CSV file for each table, read in one snapshot, and then the contents of
the attachments, each under its SHA-256. Answers kept for repeated requests are left out. What comes back is the same
data with no way in that was open before: sessions, keys, invitations, mailed links and calendar feeds are dead. Nor
does it mail anybody by itself: the people of a tenant that is only looked at in a copy would be reminded twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Final
from uuid import UUID

import asyncpg

from common.clock import now
from common.errors import ArchiveInvalid
from common.ids import TenantName
from common.storage import Folder
from migrations.contents import CONTENT_FOLDER, CONTENTS, anonymous, is_content, load_content, pack_contents
from migrations.tenant import expected_revision
from shared_models import TenantBase

FORMAT: Final = 1
LEFT_OUT: Final = frozenset({"idempotency_keys"})
SEALED: Final = ("audit_checkpoints", "audit_tombstones")
MANIFEST: Final = "manifest.json"
MAX_MANIFEST_BYTES: Final = 1_000_000

# Run in the copy's schema. A stolen archive must open nothing, and neither must a restored one.
CLOSE_ALL_DOORS: Final = """
UPDATE user_sessions SET revoked_at = now(), revoked_reason = 'restored' WHERE revoked_at IS NULL;
UPDATE api_keys SET revoked_at = now(), previous_digest = NULL WHERE revoked_at IS NULL;
UPDATE invitations SET revoked_at = now(), digest = NULL WHERE accepted_at IS NULL AND revoked_at IS NULL;
UPDATE review_requests SET revoked_at = now(), digest = NULL WHERE used_at IS NULL AND revoked_at IS NULL;
DELETE FROM password_reset_tokens;
DELETE FROM email_verification_tokens;
DELETE FROM event_feeds;
UPDATE event_attendees SET answer_digest = NULL WHERE answer_digest IS NOT NULL;
UPDATE reminders SET status = 'missed' WHERE status = 'pending';
"""


@dataclass(frozen=True, slots=True)
class TableFile:
    """One table in an archive."""

    name: str
    columns: list[str]
    rows: int
    sha256: str


def table_names() -> list[str]:
    """The archived tables, each after those it refers to."""
    return [table.name for table in TenantBase.metadata.sorted_tables if table.name not in LEFT_OUT]


def column_names(table: str) -> list[str]:
    """The archived columns of a table: those that PostgreSQL does not make from others."""
    return [column.name for column in TenantBase.metadata.tables[table].columns if column.computed is None]


async def write_archive(
    connection: asyncpg.Connection, name: TenantName, title: str, path: Path, stored: Folder
) -> None:
    """Write a tenant, and what is ``stored`` of it, to ``path``. The caller's transaction is a REPEATABLE READ one, so
    the tables fit together."""
    with TemporaryDirectory(dir=path.parent, prefix="export-") as folder:
        files = [await _dump(connection, name, table, Path(folder)) for table in table_names()]
        manifest = {
            "format": FORMAT,
            "tenant_id": name.tenant_id,
            "name": title,
            "revision": expected_revision(),
            "exported_at": now().isoformat(),
            "tables": [
                {"name": file.name, "columns": file.columns, "rows": file.rows, "sha256": file.sha256} for file in files
            ],
        }
        with tarfile.open(path, "w:gz", compresslevel=6) as archive:
            await asyncio.to_thread(_pack, archive, manifest, [file.name for file in files], Path(folder))
            await pack_contents(connection, name, stored, archive, Path(folder))


async def _dump(connection: asyncpg.Connection, name: TenantName, table: str, folder: Path) -> TableFile:
    columns = column_names(table)
    path = folder / f"{table}.csv"
    status = await connection.copy_from_table(
        table, schema_name=name.schema, columns=columns, output=path, format="csv"
    )
    digest = await asyncio.to_thread(_sha256_of, path)
    return TableFile(table, columns, int(status.removeprefix("COPY ")), digest)


def _pack(archive: tarfile.TarFile, manifest: Mapping[str, Any], tables: list[str], folder: Path) -> None:
    content = json.dumps(manifest, indent=2).encode()
    member = tarfile.TarInfo(MANIFEST)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
    for table in tables:
        archive.add(folder / f"{table}.csv", arcname=f"tables/{table}.csv", filter=anonymous)


def read_manifest(path: Path) -> dict[str, Any]:
    """An archive's manifest, once every checksum was found right. Raises ArchiveInvalid.

    Nothing is unpacked by name: a member that is neither one of our tables nor a content is a fault, whatever path it
    wants to go to.
    """
    try:
        with tarfile.open(path, "r:gz") as archive:
            manifest = _read_manifest(archive)
            expected = {f"tables/{table['name']}.csv": table["sha256"] for table in manifest["tables"]}
            for member in archive:
                if member.name == MANIFEST or is_content(archive, member):
                    continue
                stream = archive.extractfile(member) if member.isfile() and member.name in expected else None
                if stream is None or _digest(stream) != expected.pop(member.name):
                    raise ArchiveInvalid(f"{member.name[:100]!r} does not belong here, or its checksum is wrong.")
            if expected:
                raise ArchiveInvalid(f"{min(expected)} is missing.")
    except (tarfile.TarError, OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise ArchiveInvalid from error
    return manifest


def _read_manifest(archive: tarfile.TarFile) -> dict[str, Any]:
    first = archive.next()
    stream = archive.extractfile(first) if first is not None and first.name == MANIFEST and first.isfile() else None
    if stream is None or first is None or first.size > MAX_MANIFEST_BYTES:
        raise ArchiveInvalid("The archive does not begin with its manifest.")
    manifest: dict[str, Any] = json.load(stream)
    if manifest["format"] != FORMAT or manifest["revision"] != expected_revision():
        raise ArchiveInvalid(
            f"The archive is of revision {str(manifest['revision'])[:20]}; this service reads {expected_revision()}."
        )
    wanted = {name: column_names(name) for name in table_names()}
    if {table["name"]: table["columns"] for table in manifest["tables"]} != wanted:
        raise ArchiveInvalid("The archive has other tables or columns than this service.")
    return manifest


async def load_archive(
    connection: asyncpg.Connection, name: TenantName, path: Path, stored: Folder, written: list[UUID]
) -> None:
    """Fill a tenant's empty tables from a checked archive, and close every door. The search_path is the tenant's. What
    is ``written`` to where its files are ``stored``, the caller removes again if he does not commit."""
    await connection.execute("DELETE FROM audit_chain")
    for table in SEALED:  # signed for the tenant they came from: what becomes of them, ``audit_keeper.adopt`` decides
        await connection.execute(f"CREATE TEMPORARY TABLE archived_{table} (LIKE {table}) ON COMMIT DROP")
    tables = set(table_names())
    with tarfile.open(path, "r:gz") as archive:
        for member in archive:
            table = member.name.removeprefix("tables/").removesuffix(".csv")
            stream = archive.extractfile(member) if table in tables else None
            if stream is not None:
                columns = column_names(table)
                schema, into = ("pg_temp", f"archived_{table}") if table in SEALED else (name.schema, table)
                await connection.copy_to_table(into, schema_name=schema, columns=columns, source=stream, format="csv")
                if table == CONTENTS:  # its files stayed where it came from; those that came along get new ids
                    await connection.execute(f"UPDATE {CONTENTS} SET file_id = gen_random_uuid()")
            elif member.name.startswith(f"{CONTENT_FOLDER}/"):
                await load_content(connection, archive, member, stored, written)
    await connection.execute(CLOSE_ALL_DOORS)


def _sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return _digest(stream)


def _digest(stream: IO[bytes]) -> str:
    return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type] # tarfile's reader is buffered
