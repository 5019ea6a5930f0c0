"""What OFREP's operations answer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from pydantic_core import to_json

from common.errors import FlagNotFound
from database import Tenant
from serving.services import Services
from serving.visit import Visit
from settings.feature_flags.caching import FLAGS
from settings.feature_flags.evaluation import Evaluation, FlagSet, evaluate, evaluate_all, find_flag_set
from settings.ofrep.contexts import Asked, is_known, read_configuration, read_context, tag_answer
from settings.ofrep.streams import stream_tokens
from settings.ofrep.tokens import expiry

STREAM: Final = "/ofrep/v1/stream"
MAX_REMEMBERED: Final = 2_048  # bytes of a body
IDLE_SECONDS: Final = 120  # after which a client whose page is hidden closes its stream


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, written already."""

    status: int
    body: bytes
    etag: str | None = None


async def evaluate_flag(visit: Visit, key: str, body: bytes) -> Answer:
    """One flag for one context. Raises FlagNotFound, or what ``read_context`` raises."""
    tenant = _tenant(visit)
    asked = read_context(body)
    flag_set = await find_flag_set(visit.services, tenant)
    flag = flag_set.flags.get(key)
    if flag is None:
        raise FlagNotFound
    visit.services.flag_usage.note(tenant, flag.id)
    found = evaluate(flag_set, key, asked.context)
    return Answer(200 if found.error_code is None else 400, to_json(_answer(key, found)))


async def evaluate_flags(visit: Visit, body: bytes, *, known: str | None, told: str | None, root: str) -> Answer:
    """All flags for one context, or 304 to who has that answer, ``known`` by its ETag. ``told`` is what the stream has
    told the client; ``root`` is where the service stands below its origin."""
    tenant, now = _tenant(visit), time.time()
    flag_set = await _newest_flag_set(visit.services, tenant, read_configuration(told))
    # The address of the stream is part of the answer: who still has the last hour's gets a new one in time.
    stream = str(expiry(tenant.name, now))
    etag = _remembered_tag(visit, flag_set, body, stream) if known else ""
    asked = read_context(body) if not is_known(etag, known) else None
    visit.services.flag_usage.note_all(tenant, flag_set.ids)
    if asked is None:
        return Answer(304, b"", etag)
    flags = _write_flags(flag_set, asked) if flag_set.reads_clock else b""
    etag = tag_answer(flag_set, asked, stream, flags)
    if is_known(etag, known):
        return Answer(304, b"", etag)
    token = stream_tokens(visit.services.config).issue(tenant.name, now)
    address = f"{root}{STREAM}?{urlencode({'token': token, 'since': flag_set.version})}"
    return Answer(200, _write_bulk(flag_set, flags or _write_flags(flag_set, asked), address), etag)


def _remembered_tag(visit: Visit, flag_set: FlagSet, body: bytes, stream: str) -> str:
    """The ETag of the answer to this very body, read and hashed once for as long as the flags stay the same: clients
    ask again and again with one context. Empty where the clock counts too, and for what is too long to be kept."""
    if flag_set.reads_clock or len(body) > MAX_REMEMBERED:
        return ""
    key = ("flags", _tenant(visit).name.schema, stream, body)

    def write() -> bytes:
        return tag_answer(flag_set, read_context(body), stream).encode()

    return visit.services.rendered.get(key, (flag_set,), write).decode()


async def _newest_flag_set(services: Services, tenant: Tenant, told: int) -> FlagSet:
    """The flags, at least as new as the client knows that they are: another process may have told it first."""
    flag_set = await find_flag_set(services, tenant)
    if told > flag_set.version:
        await services.caches.forget([(f"{tenant.name.schema}/{FLAGS}", None)])
        flag_set = await find_flag_set(services, tenant)
    return flag_set


def _write_flags(flag_set: FlagSet, asked: Asked) -> bytes:
    return to_json([_answer(key, found) for key, found in evaluate_all(flag_set, asked.context).items()])


def _write_bulk(flag_set: FlagSet, flags: bytes, address: str) -> bytes:
    stream = {"type": "sse", "endpoint": {"requestUri": address}, "inactivityDelaySec": IDLE_SECONDS}
    rest = to_json({"eventStreams": [stream], "metadata": flag_set.metadata})
    return b'{"flags":' + flags + b"," + rest[1:]


def _answer(key: str, found: Evaluation) -> Mapping[str, Any]:
    """A flag as clients read it: ``reason`` and ``variant`` on every success, no value where the code's own default
    counts (OFREP ADR 0006)."""
    if found.error_code is not None:
        return {"key": key, "errorCode": found.error_code, "errorDetails": found.error_details or ""}
    answer = {"key": key, "reason": found.reason, "variant": found.variant or "", "metadata": found.metadata}
    return answer if found.variant is None else {**answer, "value": found.value}


def _tenant(visit: Visit) -> Tenant:
    assert visit.tenant is not None
    return visit.tenant
