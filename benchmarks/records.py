"""A tenant with many records of all kinds, for the figures of the tools module, written past the service.

Words are spread as in texts, a few in most records and most in a few: word number n comes about as often as 1/n.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from benchmarks.servers import World, psql

VOCABULARY: Final = 20_000
OBJECTS: Final = 20_000  # that the records are about, one each; object 0 has besides those MANY more
MANY: Final = 10_000
# Words are four of these together, so that many begin alike, as in a language.
SYLLABLES: Final = (
    *("ba", "ce", "di", "fo", "gu", "ka", "le", "mi", "no", "pu"),
    *("ra", "se", "ti", "vo", "zu", "bra", "ste", "tri", "plo", "kra"),
)
SPREAD: Final = 7919  # a prime: neighbours in frequency do not begin alike
# The number of words depends on the row, or they would be drawn once for all.
TEXT: Final = """
    (SELECT string_agg(syllables[1 + h % 20] || syllables[1 + h / 20 % 20] || syllables[1 + h / 400 % 20]
                       || syllables[1 + h / 8000 % 20], ' ')
     FROM (SELECT '{SYLLABLES}'::text[] AS syllables,
                  (floor(exp(random() * ln(VOCABULARY)))::bigint * SPREAD % 160000)::int AS h
           FROM generate_series(1, COUNT + 0 * number)) AS drawn)"""


def word(number: int) -> str:
    """The word of that frequency, 1 for the most frequent."""
    drawn, syllables = number * SPREAD % len(SYLLABLES) ** 4, len(SYLLABLES)
    return "".join(SYLLABLES[drawn // syllables**place % syllables] for place in range(4))


def words(count: int) -> str:
    """A text of so many words, as SQL."""
    text = TEXT.replace("SYLLABLES", ",".join(SYLLABLES)).replace("VOCABULARY", str(VOCABULARY))
    return text.replace("SPREAD", str(SPREAD)).replace("COUNT", str(count))


CALL: Final = {"direction": "'inbound'", "status": "'completed'"}
SUBJECT: Final = {"subject_type": "'hotel'", "subject_id": "number::text", "rating": "4"}
FILE: Final = {"media_type": "'text/plain'", "size_bytes": "1", "sha256": "sha256(number::text::bytea)"}
# By table: its links, its share of all rows, and the columns that the kind must have.
TABLES: Final[Mapping[str, tuple[str, float, Mapping[str, str]]]] = {
    "notes": ("note_links", 0.35, {"title": words(4), "content": words(20)}),
    "tasks": ("task_links", 0.25, {"title": words(4), "description": words(12), "position": "number"}),
    "log_calls": ("log_call_links", 0.15, {"contact_name": words(2), "notes": words(15), **CALL}),
    "events": (
        "event_links",
        0.1,
        {"title": words(4), "description": words(8), "starts_at": "now()", "ends_at": "now()"},
    ),
    "reviews": ("review_links", 0.1, {"title": words(4), "body": words(20), **SUBJECT}),
    "attachments": ("attachment_links", 0.05, {"file_name": words(2), **FILE}),
}
RECORDS: Final = """
    INSERT INTO {table} (id, created_by, created_at, updated_at, language, {names})
    SELECT uuidv7(moment - now()), (SELECT id FROM users LIMIT 1), moment, moment, 'en', {values}
    FROM generate_series(1, {number}) AS number,
        LATERAL (SELECT now() - ({number} - number) * interval '730 days' / {number} AS moment) AS made"""
REFERENCES: Final = """
    INSERT INTO {links} (record_id, link_type, link_id)
    SELECT id, 'customer', 'C-' || CASE WHEN number % {every} = 0 THEN 0 ELSE number % {objects} END
    FROM (SELECT id, row_number() OVER (ORDER BY id) AS number FROM {table}) AS every ON CONFLICT DO NOTHING"""
CONTENTS: Final = """
    INSERT INTO attachment_contents (sha256, file_id, size_bytes)
    SELECT sha256(number::text::bytea), gen_random_uuid(), 1 FROM generate_series(1, {number}) AS number"""


def fill(world: World, records: int) -> None:
    """Write ``records`` rows, each about one object, made one after the other in the last two years by the tenant's
    owner: as in life, what is near in time lies near on disk."""
    for table, (links, share, columns) in TABLES.items():
        if table == "attachments":
            psql(world, CONTENTS.format(number=int(records * share)))
        names, values = ", ".join(columns), ", ".join(columns.values())
        psql(world, RECORDS.format(table=table, names=names, values=values, number=int(records * share)))
        psql(world, REFERENCES.format(table=table, links=links, every=records // MANY, objects=OBJECTS))
    psql(world, "VACUUM (ANALYZE)")
