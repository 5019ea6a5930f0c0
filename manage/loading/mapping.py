"""The mapping: a TOML file that says by which query each kind is read from a database."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from manage.problems import CommandError


@dataclass(frozen=True, slots=True)
class Queries:
    """Queries by kind, and which of the source's tenants they are about: the value of ``$1``."""

    queries: Mapping[str, str]
    tenant: str | None


def read_mapping(path: Path, kinds: Sequence[str], tenant: str | None) -> Queries:
    """Read the file; ``tenant`` comes before what it says itself. Raises CommandError."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CommandError(f"The mapping {path} cannot be read: {error}.") from None
    given = document.pop("tenant", None)
    unknown = set(document) - set(kinds)
    if unknown:
        raise CommandError(f"The mapping names {', '.join(sorted(unknown))}; known are {', '.join(kinds)}.")
    queries = {}
    for kind, part in document.items():
        if not isinstance(part, dict) or set(part) != {"query"} or not isinstance(part["query"], str):
            raise CommandError(f"[{kind}] of the mapping must have one thing, query, a text.")
        queries[kind] = part["query"].strip().rstrip(";")
    if not queries:
        raise CommandError("The mapping has no query.")
    return Queries(queries, tenant if tenant is not None else None if given is None else str(given))
