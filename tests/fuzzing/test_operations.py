"""Schemathesis makes requests from the document: no answer is a defect, none is one that the document does not know."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.fuzzing.campaigns import METHODS, Campaign, Result, run
from tests.fuzzing.conftest import Live
from tests.support.world import PASSWORD

pytestmark = [pytest.mark.promise("S1"), pytest.mark.promise("S7")]

EXAMPLES: Final = int(os.environ.get("EXAMPLES", "2"))
PHASES: Final = frozenset({"examples", "coverage", "fuzzing", "stateful"})
LATER: Final = PHASES - {"examples"}  # of operations without examples in the document
# They end the session that the run lives on, and so get one for each request.
SPENDING: Final = frozenset({"logout", "end_own_session", "end_user_sessions", "mail_password_reset"})
# Nobody but the client ends the first answer: tests/ofrep reads it. The second takes gzip, of which schemathesis makes
# none: tests/platform has it.
UNFUZZED: Final = frozenset({"stream_flag_changes", "import_tenant"})


@pytest.fixture(scope="module")
def document(live: Live) -> dict[str, Any]:
    """The document as clients get it."""
    found: dict[str, Any] = httpx.get(f"{live.url}/openapi.json", trust_env=False, timeout=60).json()
    return found


def operations_of(document: dict[str, Any], *, below: str = "/", credential: str = "") -> frozenset[str]:
    """The names of the operations, all or those below a path that a credential opens."""
    return frozenset(
        item[method]["operationId"]
        for path, item in document["paths"].items()
        if path.startswith(below)
        for method in METHODS & set(item)
        if not credential or any(credential in way for way in item[method].get("security", []))
    )


def check(result: Result, *, accepted: int, phases: frozenset[str] = PHASES) -> None:
    """Nothing was found, all phases ran, and so many operations said yes: 401 to everything would find nothing, too."""
    report = result.report
    assert (report["failures"], report["errors"]) == ([], []), result.output
    assert result.phases == phases, result.output
    assert len(result.accepted) >= accepted, sorted(result.accepted)
    print(result.figures)  # noqa: T201 - the figure of this run


def of_tenants(document: dict[str, Any]) -> frozenset[str]:
    """The operations of one campaign; those of the platform would suspend or drop the tenant under test."""
    return operations_of(document) - operations_of(document, credential="PlatformKey") - SPENDING - UNFUZZED


@pytest.mark.parametrize("is_tool", [True, False])
async def test_an_owner_finds_no_defect_and_no_undocumented_answer(
    live: Live, document: dict[str, Any], tmp_path: Path, is_tool: bool
) -> None:
    """In two halves, which run side by side: each takes longer than everything else here."""
    tenant = await live.twin(f"tenant_fuzzed_by_owner_{is_tool}".lower())
    tools = operations_of(document, below="/api/v1/tools/")
    half = of_tenants(document) & tools if is_tool else of_tenants(document) - tools
    credentials = {"AccessToken": tenant.people["owner"].tokens["access_token"]}
    campaign = Campaign(tenant.name, credentials, operations_of(document) - half)

    check(run(campaign, document, url=live.url, folder=tmp_path, examples=EXAMPLES), accepted=len(half) // 2)


@pytest.mark.parametrize(("role", "accepted"), [("member", 50), ("anonymous", 5)])
async def test_nor_does_anybody_else(
    live: Live, document: dict[str, Any], tmp_path: Path, role: str, accepted: int
) -> None:
    tenant = await live.twin(f"tenant_fuzzed_by_{role}")
    credentials = {} if role == "anonymous" else {"AccessToken": tenant.people[role].tokens["access_token"]}
    campaign = Campaign(tenant.name, credentials, operations_of(document) - of_tenants(document), thorough=False)

    check(run(campaign, document, url=live.url, folder=tmp_path, examples=EXAMPLES), accepted=accepted)


async def test_nor_does_who_ends_sessions(live: Live, document: dict[str, Any], tmp_path: Path) -> None:
    tenant = await live.twin("tenant_fuzzed_anew")
    environment = {
        "FUZZED_URL": live.url,
        "FUZZED_TENANT": tenant.name,
        "FUZZED_USER": "owner",
        "FUZZED_PASSWORD": PASSWORD,
    }
    hooks = "tests.fuzzing.signing_in"
    finding = {"list_users", "list_own_sessions", "list_user_sessions"}  # what there is to be ended
    spared = operations_of(document) - SPENDING - finding
    campaign = Campaign(tenant.name, {}, spared, hooks=hooks, environment=environment)

    check(run(campaign, document, url=live.url, folder=tmp_path, examples=5 * EXAMPLES), accepted=4, phases=LATER)


async def test_nor_does_an_operator_of_the_platform(live: Live, document: dict[str, Any], tmp_path: Path) -> None:
    tenant = await live.twin("tenant_fuzzed_by_operator")
    spared = operations_of(document) - operations_of(document, credential="PlatformKey") | UNFUZZED
    campaign = Campaign(tenant.name, {"PlatformKey": live.platform_key}, spared)

    check(run(campaign, document, url=live.url, folder=tmp_path, examples=EXAMPLES), accepted=10)
