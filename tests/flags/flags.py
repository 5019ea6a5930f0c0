"""Flags for the tests, and asking what they are."""

from __future__ import annotations

from typing import Any, Final

import httpx

from tests.support.contracts.resource import WORDS
from tests.support.world import Api

FLAGS: Final = "/settings/feature-flags"
SWITCHED: Final = {"on": True, "off": False}
Body = dict[str, Any]


def flag(**fields: Any) -> Body:
    """A valid body for POST, of a key that nobody has."""
    return {"key": f"flag-{next(WORDS)}", "variants": SWITCHED, "default_variant": "off", **fields}


async def make(api: Api, **fields: Any) -> Body:
    """A new flag."""
    answer = await api.post(FLAGS, json=flag(**fields))
    assert answer.status_code == 201, answer.text
    created: Body = answer.json()
    return created


async def explained(api: Api, key: str, **context: Any) -> Body:
    """What a flag is for a context, and why."""
    answer = await api.post(f"{FLAGS}/explain", json={"key": key, "context": context})
    assert answer.status_code == 200, answer.text
    found: Body = answer.json()
    return found


async def set_version(api: Api) -> int:
    """The version of the whole set."""
    etag = (await api.get(f"{FLAGS}/definition")).headers["ETag"]
    return int(etag.strip('"v'))


def faults(answer: httpx.Response) -> set[tuple[str, str]]:
    """Pointer and code of every fault in a refusal."""
    assert (answer.status_code, answer.json()["code"]) == (422, "flags_invalid"), answer.text
    return {(error["pointer"], error["code"]) for error in answer.json()["errors"]}
