"""A credential of one tenant neither reads nor writes anything of another, whichever way it is tried."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from common.config import Config
from common.ids import new_id
from serving.guards import PlatformOperator, SignedIn
from tests.support.apps import Wired
from tests.support.inputs import Preparations, body_of
from tests.support.operations import operations_of
from tests.support.probes import owner_connection
from tests.support.routes import Operation, operations
from tests.support.tool_operations import TOOLS
from tests.support.world import PASSWORD, Api, TestTenant, add_person, sign_in
from tests.tenants.foreign import ids_of, state_of, tables_mentioning

pytestmark = pytest.mark.promise("T1")

# The only operations that need no credential of the tenant. A new one must be added here, with a test of its own.
WITHOUT_CREDENTIAL: Final = {
    "login", "refresh", "verify_tenant", "initialize_tenant", "request_password_reset", "resend_verification",
    "get_public_settings",
}.union(*(tool.open for tool in TOOLS))  # fmt: skip
# Those whose body has a secret of one tenant.
BY_MAIL: Final = {"reset_password", "verify_email", "accept_invitation"}


@pytest.fixture
async def there(config: Config, beta: TestTenant) -> AsyncIterator[asyncpg.Connection]:
    """Beta, seen by the database's owner."""
    async with owner_connection(config, beta.name) as owner:
        yield owner


def guarded(app: FastAPI) -> list[Operation]:
    """Every operation that wants a credential."""
    found = [operation for operation in operations(app) if isinstance(operation.guard, SignedIn)]
    assert len(found) >= 50
    return found


def test_every_operation_wants_a_credential_but_for_a_few(app: FastAPI) -> None:
    others = [operation for operation in operations(app) if not isinstance(operation.guard, SignedIn)]
    of_platform = {operation.name for operation in others if isinstance(operation.guard, PlatformOperator)}

    assert {operation.name for operation in others} - of_platform == WITHOUT_CREDENTIAL | BY_MAIL
    assert {operation.name for operation in others if operation.path.startswith("/platform/")} == of_platform


async def test_a_header_of_another_tenant_is_refused_before_any_database_work(
    wired: Wired, alpha: TestTenant, beta: TestTenant, there: asyncpg.Connection
) -> None:
    app = wired.app
    confused = Api(wired.http, alpha.owner.headers | {"X-Tenant-ID": beta.name})
    foreign = await ids_of(beta, there, app)
    for operation in guarded(wired.app):
        wired.wire.reset()

        answer = await confused.request(operation.method, operation.path_with(foreign), json={})

        assert (answer.status_code, answer.json()["code"]) == (403, "tenant_mismatch"), operation
        assert wired.wire.trips == 0, operation


async def test_ids_of_another_tenant_do_not_exist_here(
    app: FastAPI, config: Config, alpha: TestTenant, beta: TestTenant, there: asyncpg.Connection
) -> None:
    """Alone, or beside an id of one's own."""
    foreign, before = await ids_of(beta, there, app), await state_of(there)
    async with owner_connection(config, alpha.name) as here:
        own = await ids_of(alpha, here, app)
    tried = [operation for operation in guarded(app) if operation.parameters]
    for operation in tried:
        for kept in [None, *(operation.parameters if len(operation.parameters) > 1 else [])]:
            ids = foreign | ({kept: own[kept]} if kept else {})

            answer = await alpha.owner.request(operation.method, operation.path_with(ids), json=body_of(operation.name))

            assert answer.status_code == 404, (operation, kept)
            assert beta.canary not in answer.text
    assert {operation.method for operation in tried} == {"GET", "PUT", "PATCH", "DELETE", "POST"}
    assert {name for operation in tried for name in operation.parameters} == foreign.keys()
    assert await state_of(there) == before


async def test_no_list_shows_anything_of_another_tenant(
    app: FastAPI, alpha: TestTenant, beta: TestTenant, there: asyncpg.Connection
) -> None:
    await ids_of(beta, there, app)
    query = {
        "explain_permission": f"?user_id={alpha.people['viewer'].id}&permission=users:read",
        "get_review_summary": "?subject_type=hotel&subject_id=H-1",
        "list_occurrences": "?from=2026-10-20T00:00:00Z&to=2026-10-27T00:00:00Z",
        "get_free_busy": f"?from=2026-10-20T00:00:00Z&to=2026-10-27T00:00:00Z&user_id={alpha.people['viewer'].id}",
    }
    lists = [operation for operation in guarded(app) if operation.method == "GET" and not operation.parameters]
    showing = set()
    for operation in lists:
        path = operation.path + query.get(operation.name, "")
        answer = await alpha.owner.get(path)

        assert answer.status_code == 200, operation
        assert beta.canary not in answer.text, operation
        if operation.name != "explain_permission" and beta.canary in (await beta.owner.get(path)).text:
            showing.add(operation.name)
    # It would have been found.
    expected = {
        "list_users",
        "list_roles",
        "list_teams",
        "list_api_keys",
        "list_invitations",
        "export_users",
        "export_audit_logs",
    }
    assert showing >= expected


async def test_a_user_of_another_tenant_is_not_explained(alpha: TestTenant, beta: TestTenant) -> None:
    query = {"user_id": beta.people["viewer"].id, "permission": "users:read"}

    assert (await alpha.owner.get("/users/permissions/explain", params=query)).status_code == 404


async def test_a_mailed_token_is_good_in_its_own_tenant_only(
    app: FastAPI, http: httpx.AsyncClient, alpha: TestTenant, beta: TestTenant, there: asyncpg.Connection
) -> None:
    """Nor is it used up by who tries it elsewhere."""
    for operation in operations_of(app):
        if operation.name in BY_MAIL:
            prepared = await Preparations(http, beta, there).prepare(operation, "anonymous")

            abroad = await alpha.anonymous.post(operation.path, json=prepared.options["json"])

            assert (abroad.status_code, abroad.json()["code"]) == (400, "token_invalid"), operation
            assert (await prepared.send()).is_success, operation


async def test_a_credential_of_another_tenant_is_not_active_here(alpha: TestTenant, beta: TestTenant) -> None:
    token = beta.people["owner"].tokens["access_token"]

    answer = await alpha.owner.post("/auth/introspect", data={"token": token})

    assert answer.json() == {"active": False}


async def test_filters_with_ids_of_another_tenant_find_nothing(alpha: TestTenant, beta: TestTenant) -> None:
    for query in (f"role={beta.role_ids['member']}", f"team={new_id()}", f"q={beta.canary}"):
        assert (await alpha.owner.get(f"/users?{query}&include_total=true")).json()["total"] == 0, query
    assert (await beta.owner.get(f"/users?role={beta.role_ids['member']}")).json()["items"]


@pytest.mark.parametrize(
    "path",
    ["/users", "/users/roles", "/users/permissions", "/users/teams", "/users/api-keys", "/users/invitations"],
)
async def test_a_cursor_of_another_tenant_is_refused(
    app: FastAPI, alpha: TestTenant, beta: TestTenant, there: asyncpg.Connection, path: str
) -> None:
    for _ in range(2):
        await ids_of(beta, there, app)
    page = (await beta.owner.get(f"{path}?limit=1")).json()

    answer = await alpha.owner.get(path, params={"cursor": page["next_cursor"], "limit": 1})

    assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")
    again = await beta.owner.get(path, params={"cursor": page["next_cursor"], "limit": 1})
    assert again.status_code == 200


async def test_roles_of_another_tenant_cannot_be_given(alpha: TestTenant, beta: TestTenant) -> None:
    body = {"email": "isolation.stray@twin.example", "username": "isolation.stray"}
    for links in ({"role_ids": [beta.role_ids["viewer"]]}, {"team_ids": [str(new_id())]}):
        answer = await alpha.owner.post("/users", json=body | links)

        assert (answer.status_code, answer.json()["code"]) == (422, "unknown_reference")


async def test_an_etag_speaks_of_one_tenants_record_only(alpha: TestTenant, beta: TestTenant) -> None:
    body = {"email": "isolation.tagged@twin.example", "username": "isolation.tagged"}
    here, there = [(await tenant.owner.post("/users", json=body)).json()["id"] for tenant in (alpha, beta)]
    changed = await beta.owner.patch(f"/users/{there}", json={"full_name": "Changed"})
    etag = {"If-Match": changed.headers["etag"]}

    assert (await alpha.owner.patch(f"/users/{here}", json={"full_name": "Too"}, headers=etag)).status_code == 412
    assert (await alpha.owner.get(f"/users/{here}", headers={"If-None-Match": etag["If-Match"]})).status_code == 200
    assert (await alpha.owner.get(f"/users/{here}")).json()["full_name"] is None


async def test_an_idempotency_key_replays_in_its_own_tenant_only(alpha: TestTenant, beta: TestTenant) -> None:
    body = {"email": "isolation.once@twin.example", "username": "isolation.once"}
    key = {"Idempotency-Key": "the same in both"}

    first, second, again = [
        await tenant.owner.post("/users", json=body, headers=key) for tenant in (alpha, beta, alpha)
    ]

    assert (first.status_code, second.status_code) == (201, 201)
    assert "idempotency-replayed" not in second.headers
    assert first.json()["id"] != second.json()["id"]
    assert (again.headers["idempotency-replayed"], again.json()["id"]) == ("true", first.json()["id"])


async def test_a_refresh_token_of_another_tenant_is_unknown_and_stays_good(
    http: httpx.AsyncClient, alpha: TestTenant, beta: TestTenant
) -> None:
    visitor = await sign_in(http, beta, "viewer")
    body = {"refresh_token": visitor.tokens["refresh_token"]}

    abroad = await alpha.anonymous.post("/auth/refresh", json=body)

    assert (abroad.status_code, abroad.json()["code"]) == (401, "refresh_token_invalid")
    assert (await visitor.api.get("/auth/me")).status_code == 200
    assert (await beta.anonymous.post("/auth/refresh", json=body)).status_code == 200


async def test_what_happens_to_a_person_here_does_not_happen_to_the_twin(
    http: httpx.AsyncClient, alpha: TestTenant, beta: TestTenant
) -> None:
    here = await add_person(http, alpha, "member", "isolation.twin")
    there = await add_person(http, beta, "member", "isolation.twin")

    assert (await alpha.owner.patch(f"/users/{here.id}", json={"is_active": False})).status_code == 200
    assert (await here.api.get("/auth/me")).status_code == 401
    assert (await there.api.get("/auth/me")).status_code == 200
    assert (await alpha.owner.delete(f"/users/{here.id}")).status_code == 204
    assert (await there.api.get("/auth/me")).json()["user"]["is_active"]


async def test_a_password_of_the_twin_opens_only_its_own_account(alpha: TestTenant, beta: TestTenant) -> None:
    body = {"email": "isolation.solo@twin.example", "username": "isolation.solo", "password": PASSWORD}
    assert (await beta.owner.post("/users", json=body)).status_code == 201

    login = {"username": "isolation.solo", "password": PASSWORD}
    assert (await alpha.anonymous.post("/auth/login", json=login)).status_code == 401
    assert (await beta.anonymous.post("/auth/login", json=login)).status_code == 200


async def test_both_forms_of_the_header_name_the_same_tenant(alpha: TestTenant) -> None:
    for header in ("tenant_alpha", "alpha"):
        answer = await alpha.owner.get("/auth/test", headers={"X-Tenant-ID": header})
        state = await alpha.anonymous.post("/auth/verify-tenant", headers={"X-Tenant-ID": header})

        assert answer.json()["tenant_id"] == "tenant_alpha"
        assert state.json() == {"tenant_id": "tenant_alpha", "exists": True, "ready": True}


async def test_nothing_of_the_twin_is_stored_in_any_table(config: Config, alpha: TestTenant, beta: TestTenant) -> None:
    assert "users" in await tables_mentioning(config, beta.name, beta.canary)

    assert await tables_mentioning(config, alpha.name, beta.canary) == []
    assert await tables_mentioning(config, beta.name, alpha.canary) == []
