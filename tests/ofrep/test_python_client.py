"""The official OFREP client for Python, unmodified, against the running service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagEvaluationDetails, Reason

from tests.ofrep.service import make_flag
from tests.support.world import TestTenant

GOLD = {"if": [{"==": [{"var": "plan"}, "gold"]}, "on", "off"]}
SHARES = {"fractional": [["on", 100]]}
Details = FlagEvaluationDetails[Any]


@pytest.fixture
def client_with(base: str) -> Iterator[Callable[[dict[str, str]], OpenFeatureClient]]:
    """A client that sends these headers."""

    def make(headers: dict[str, str]) -> OpenFeatureClient:
        provider = OFREPProvider(base, headers_factory=lambda: headers)
        providers.append(provider)
        api.set_provider(provider, domain=str(len(providers)))
        return api.get_client(str(len(providers)))

    providers: list[OFREPProvider] = []
    yield make
    api.clear_providers()
    for provider in providers:
        provider.session.close()


async def of(method: Callable[..., Details], *arguments: Any) -> Details:
    """The client waits for answers, and so must not do it in the service's own loop."""
    return await asyncio.to_thread(method, *arguments)


async def test_values_of_every_type(
    client_with: Callable[[dict[str, str]], OpenFeatureClient], alpha: TestTenant, tenant: TestTenant
) -> None:
    owner = tenant.owner
    await make_flag(owner, "rule", targeting=GOLD, metadata={"team": "booking"})
    await make_flag(owner, "share", targeting=SHARES)
    await make_flag(owner, "text", variants={"a": "A"}, default_variant="a")
    await make_flag(owner, "whole", variants={"n": 3}, default_variant="n")
    await make_flag(owner, "part", variants={"n": 0.5}, default_variant="n")
    await make_flag(owner, "thing", variants={"o": {"limit": 3}}, default_variant="o")
    await make_flag(owner, "off", state="DISABLED")
    client = client_with(dict(owner.headers))
    somebody = EvaluationContext("user-42", {"plan": "gold"})

    rule = await of(client.get_boolean_details, "rule", False, somebody)
    assert (rule.value, rule.variant, rule.reason) == (True, "on", Reason.TARGETING_MATCH)
    assert rule.flag_metadata == {"team": "booking"}
    assert (await of(client.get_boolean_details, "rule", True)).value is False
    assert (await of(client.get_boolean_details, "share", False, somebody)).value is True
    assert (await of(client.get_string_details, "text", "")).value == "A"
    assert (await of(client.get_integer_details, "whole", 0)).value == 3
    assert (await of(client.get_float_details, "part", 0.0)).value == 0.5
    assert (await of(client.get_object_details, "thing", {})).value == {"limit": 3}
    for default in (True, False):
        off = await of(client.get_boolean_details, "off", default)
        assert (off.value, off.reason, off.error_code) == (default, Reason.DISABLED, None)

    unknown = await of(client.get_boolean_details, "unknown", True)
    assert (unknown.value, unknown.error_code) == (True, ErrorCode.FLAG_NOT_FOUND)
    assert unknown.error_message == "There is no such flag."
    wrong = await of(client.get_string_details, "rule", "default")
    assert (wrong.value, wrong.error_code) == ("default", ErrorCode.TYPE_MISMATCH)
    neighbour = await of(client_with(dict(alpha.owner.headers)).get_string_details, "text", "mine")
    assert (neighbour.value, neighbour.error_code) == ("mine", ErrorCode.FLAG_NOT_FOUND)


async def test_refusals(client_with: Callable[[dict[str, str]], OpenFeatureClient], tenant: TestTenant) -> None:
    """An API key is a credential like another; what is wrong with one, the client understands."""
    await make_flag(tenant.owner, "switch")
    keys = {}
    for permission in ("flags:evaluate", "flags:read"):
        made = await tenant.owner.post("/users/api-keys", json={"name": permission, "permissions": [permission]})
        keys[permission] = {"X-Tenant-ID": tenant.name, "X-API-Key": made.json()["key"]}

    good = await of(client_with(keys["flags:evaluate"]).get_boolean_details, "switch", False)
    assert (good.value, good.error_code) == (True, None)
    for headers, said in (({"X-Tenant-ID": tenant.name}, "unauthorized"), (keys["flags:read"], "forbidden")):
        refused = await of(client_with(headers).get_boolean_details, "switch", False)
        assert (refused.value, refused.error_code, refused.error_message) == (False, ErrorCode.GENERAL, said)
