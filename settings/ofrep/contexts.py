"""Reading what clients send: a context, and which answer they have already."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from pydantic_core import from_json

from common.errors import ContextInvalid, ContextUnreadable, TargetingKeyMissing
from settings.feature_flags.evaluation import FlagSet

CONFIGURATION: Final = re.compile(r'"?v(\d{1,18})"?')


@dataclass(frozen=True, slots=True)
class Asked:
    """A context as it was sent, and in the one form that all spellings of it have."""

    context: Mapping[str, Any]
    canonical: str


def read_context(body: bytes) -> Asked:
    """The context of a request; no body is an empty one. Raises ContextUnreadable, ContextInvalid or
    TargetingKeyMissing."""
    try:
        sent = from_json(body, allow_inf_nan=False) if body else {}
    except ValueError:
        raise ContextUnreadable from None
    if not isinstance(sent, dict) or sent.keys() - {"context"}:
        raise ContextUnreadable
    context = sent.get("context", {})
    if not isinstance(context, dict):
        raise ContextInvalid
    _check_targeting_key(context)
    try:
        return Asked(context, json.dumps(context, sort_keys=True, separators=(",", ":"), allow_nan=False))
    except ValueError:  # 1e400 is valid JSON, and no number that a rule could work with
        raise ContextInvalid("`context` has a number that is out of range.") from None


def _check_targeting_key(context: Mapping[str, Any]) -> None:
    if "targetingKey" not in context:
        return
    key = context["targetingKey"]
    if key is None or key == "":
        raise TargetingKeyMissing
    if not isinstance(key, str):
        raise ContextInvalid("`targetingKey` must be text.")


def tag_answer(flag_set: FlagSet, asked: Asked, stream: str, content: bytes = b"") -> str:
    """The ETag of a bulk answer: the version of the flags, and a hash of all else that the answer depends on. Known
    before anything is evaluated; only where a rule reads the clock the answer itself is part of it."""
    parts = (flag_set.digest, json.dumps(flag_set.attributes, sort_keys=True), stream, asked.canonical)
    digest = sha256("\0".join(parts).encode() + b"\0" + content)
    return f'"v{flag_set.version}-{digest.hexdigest()[:32]}"'


def tag_configuration(version: int) -> str:
    """The tag of the flags' configuration, whatever the context: what the stream tells."""
    return f'"v{version}"'


def read_configuration(tag: str | None) -> int:
    """The version that a client has been told of by the stream; 0 for none."""
    found = CONFIGURATION.fullmatch(tag or "")
    return int(found[1]) if found else 0


def is_known(etag: str, if_none_match: str | None) -> bool:
    """Whether the client has this answer (RFC 9110 section 13.1.2: compared weakly)."""
    if not if_none_match:
        return False
    return etag in (value.strip().removeprefix("W/") for value in if_none_match.split(","))
