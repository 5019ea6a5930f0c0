"""A tenant with many records of all kinds, for the figures of the tools module, written past the service.

Words are spread as in texts, a few in most records and most in a few: word number n comes about as often as 1/n.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from typing import Final

from benchmarks.servers import DATABASE, World
from benchmarks.things import TENANT

VOCABULARY: Final = 20_000
OBJECTS: Final = 20_000  # that the records are about, one each; object 0 has besides those MANY more
MANY: Final = 10_000
WORDS: Final = (  # depends on the row, or it would be made once for all
    "(SELECT string_agg('word' || floor(exp(random() * ln(20000)))::int, ' ') FROM generate_series(1, %d + 0 * number))"
)
CALL: Final = {"direction": "'inbound'", "status": "'completed'"}
SUBJECT: Final = {"subject_type": "'hotel'", "subject_id": "number::text", "rating": "4"}
FILE: Final = {"media_type": "'text/plain'", "size_bytes": "1", "sha256": "sha256(number::text::bytea)"}
# By table: its links, its share of all rows, and the columns that the kind must have.
TABLES: Final[Mapping[str, tuple[str, float, Mapping[str, str]]]] = {
    "notes": ("note_links", 0.35, {"title": WORDS % 4, "content": WORDS % 20}),
    "tasks": ("task_links", 0.25, {"title": WORDS % 4, "description": WORDS % 12, "position": "number"}),
    "log_calls": ("log_call_links", 0.15, {"contact_name": WORDS % 2, "notes": WORDS % 15, **CALL}),
    "events": (
        "event_links",
        0.1,
        {"title": WORDS % 4, "description": WORDS % 8, "starts_at": "now()", "ends_at": "now()"},
    ),
    "reviews": ("review_links", 0.1, {"title": WORDS % 4, "body": WORDS % 20, **SUBJECT}),
    "attachments": ("attachment_links", 0.05, {"file_name": WORDS % 2, **FILE}),
}
RECORDS: Final = """
    INSERT INTO {table} (id, created_by, created_at, updated_at, language, {names})
    SELECT gen_random_uuid(), (SELECT id FROM users LIMIT 1), moment, moment, 'en', {values}
    FROM generate_series(1, {number}) AS number,
        LATERAL (SELECT now() - random() * interval '730 days' + 0 * number * interval '1 s' AS moment) AS made"""
REFERENCES: Final = """
    INSERT INTO {links} (record_id, link_type, link_id)
    SELECT id, 'customer', 'C-' || CASE WHEN number <= {many} THEN 0 ELSE number % {objects} END
    FROM (SELECT id, row_number() OVER (ORDER BY id) AS number FROM {table}) AS every ON CONFLICT DO NOTHING"""
CONTENTS: Final = """
    INSERT INTO attachment_contents (sha256, file_id, size_bytes)
    SELECT sha256(number::text::bytea), gen_random_uuid(), 1 FROM generate_series(1, {number}) AS number"""


def fill(world: World, records: int) -> None:
    """Write ``records`` rows, each about one object, made in the last two years by the tenant's owner."""
    for table, (links, share, columns) in TABLES.items():
        if table == "attachments":
            psql(world, CONTENTS.format(number=int(records * share)))
        names, values = ", ".join(columns), ", ".join(columns.values())
        psql(world, RECORDS.format(table=table, names=names, values=values, number=int(records * share)))
        psql(world, REFERENCES.format(table=table, links=links, many=int(MANY * share), objects=OBJECTS))
    psql(world, "VACUUM (ANALYZE)")


def psql(world: World, command: str) -> str:
    """Run a command as the database's owner, in the tenant's schema; its output."""
    environment = {**os.environ, "PGOPTIONS": f"-c search_path={TENANT}"}
    program = [str(world.postgres.bin_dir / "psql"), world.postgres.url(DATABASE), "-qAtX", "-v", "ON_ERROR_STOP=1"]
    return subprocess.run([*program, "-c", command], env=environment, check=True, capture_output=True, text=True).stdout
