"""Settings as a file: JSON, or YAML of the kind that says nothing JSON could not say."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Mapping
from typing import Any, Final

import yaml

from common.errors import ImportInvalid
from settings.entries.schemas import TransferFormat

MAX_DEPTH: Final = 64  # of the file; a value in it may have half of that
SCALARS: Final = (
    # YAML 1.2's core schema as far as JSON has it: `no` and `12:30` are text, whatever YAML 1.1 took them for.
    ("null", r"~|null|", ["~", "n", ""]),
    ("bool", r"true|false", list("tf")),
    ("int", r"-?(0|[1-9][0-9]*)", list("-0123456789")),
    ("float", r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", list("-0123456789")),
)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # libyaml's where it was built in
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own way

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        names = [name.value for name, _ in node.value]
        if len(set(names)) != len(names):
            raise ImportInvalid("A key stands twice in one object.")
        found: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return found


class _Dumper(yaml.SafeDumper):  # type: ignore[misc] # PyYAML ships no types
    """Quotes what either YAML would take for something else than text."""


for _name, _pattern, _first in SCALARS:
    for _kind in (_Loader, _Dumper):
        _kind.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(rf"(?:{_pattern})\Z"), _first)


def write_file(document: Mapping[str, Any], form: TransferFormat) -> str:
    """A document as text that ``read_file`` understands."""
    if form is TransferFormat.JSON:
        return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    return str(yaml.dump(document, Dumper=_Dumper, allow_unicode=True, sort_keys=False))


def read_file(body: bytes, form: TransferFormat) -> dict[str, Any]:
    """The ``settings`` of a document, by key, whatever they are. Raises ImportInvalid."""
    try:
        text = body.decode("utf-8-sig")
        document = _read_json(text) if form is TransferFormat.JSON else _read_yaml(text)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise ImportInvalid(f"The file is not {form.upper()} in UTF-8: {_sentence(error)}.") from None
    settings = document.get("settings") if isinstance(document, dict) else None
    if not isinstance(settings, dict) or set(document) != {"settings"}:
        raise ImportInvalid("The file must have one object, `settings`, with an object for each key.")
    return settings


def _read_json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_once_each)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ImportInvalid("A key stands twice in one object.")
    return found


def _read_yaml(text: str) -> Any:
    """Looked through event by event first, which takes no recursion: only then is anything built."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise ImportInvalid("The file may not use anchors and aliases: a small one could stand for a huge one.")
        if getattr(event, "tag", None) is not None:
            raise ImportInvalid("The file may not use tags.")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise ImportInvalid(f"The file may be nested {MAX_DEPTH} deep.")
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader


def _sentence(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        return f"{getattr(error, 'problem', None) or 'a fault'} in line {mark.line + 1}"
    return "it is nested too deep" if isinstance(error, RecursionError) else str(error)
