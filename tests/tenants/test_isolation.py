"""A credential of one tenant neither reads nor writes anything of another, whichever way it is tried."""

from __future__ import annotations

from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI

from common.config import Config
from common.ids import new_id
from database import quote_identifier
from dependencies import SignedIn
from tests.support.apps import Wired, connect
from tests.support.routes import Operation, operations
from tests.support.world import PASSWORD, Api, TestTenant, add_person, sign_in

pytestmark = pytest.mark.promise("T1")

# The only operations that need no credential of the tenant. A new one must be added here, with a test of its own.
WITHOUT_CREDENTIAL: Final = {"login", "refresh", "verify_tenant", "initialize_tenant"}

PERSON: Final = {"email": "taken.over@twin.example", "username": "taken.over"}
BODIES: Final[dict[str, dict[str, Any]]] = {"replace_user": PERSON, "update_user": PERSON}


def foreign_ids(tenant: TestTenant) -> dict[str, str]:
    """For each name of a path parameter, something that exists in the tenant."""
    return {"user_id": tenant.people["viewer"].id}


def guarded(app: FastAPI) -> list[Operation]:
    """Every operation that wants a credential."""
    found = [operation for operation in operations(app) if isinstance(operation.guard, SignedIn)]
    assert len(found) >= 11
    return found


def test_every_operation_wants_a_credential_but_for_a_few(app: FastAPI) -> None:
    names = {operation.name for operation in operations(app) if not isinstance(operation.guard, SignedIn)}

    assert names == WITHOUT_CREDENTIAL


async def test_a_header_of_another_tenant_is_refused_before_any_database_work(
    wired: Wired, alpha: TestTenant, beta: TestTenant
) -> None:
    confused = Api(wired.http, alpha.owner.headers | {"X-Tenant-ID": beta.name})
    for operation in guarded(wired.app):
        wired.wire.reset()

        answer = await confused.request(operation.method, operation.path_with(foreign_ids(beta)), json={})

        assert (answer.status_code, answer.json()["code"]) == (403, "tenant_mismatch"), operation
        assert wired.wire.trips == 0, operation


async def test_ids_of_another_tenant_do_not_exist_here(app: FastAPI, alpha: TestTenant, beta: TestTenant) -> None:
    before = (await beta.owner.get("/users?limit=200")).json()
    tried = [operation for operation in guarded(app) if operation.parameters]
    for operation in tried:
        body = BODIES[operation.name] if operation.method in {"POST", "PUT", "PATCH"} else None

        answer = await alpha.owner.request(operation.method, operation.path_with(foreign_ids(beta)), json=body)

        assert answer.status_code == 404, operation
        assert beta.canary not in answer.text
    assert {operation.method for operation in tried} == {"GET", "PUT", "PATCH", "DELETE"}
    assert (await beta.owner.get("/users?limit=200")).json() == before


async def test_no_list_shows_anything_of_another_tenant(app: FastAPI, alpha: TestTenant, beta: TestTenant) -> None:
    lists = [operation for operation in guarded(app) if operation.method == "GET" and not operation.parameters]
    for operation in lists:
        answer = await alpha.owner.get(operation.path)

        assert answer.status_code == 200, operation
        assert beta.canary not in answer.text, operation
    assert beta.canary in (await beta.owner.get("/users")).text  # it would have been found


async def test_filters_with_ids_of_another_tenant_find_nothing(alpha: TestTenant, beta: TestTenant) -> None:
    for query in (f"role={beta.role_ids['member']}", f"team={new_id()}", f"q={beta.canary}"):
        assert (await alpha.owner.get(f"/users?{query}&include_total=true")).json()["total"] == 0, query
    assert (await beta.owner.get(f"/users?role={beta.role_ids['member']}")).json()["items"]


@pytest.mark.parametrize("path", ["/users", "/users/roles", "/users/permissions"])
async def test_a_cursor_of_another_tenant_is_refused(alpha: TestTenant, beta: TestTenant, path: str) -> None:
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


async def tables_mentioning(config: Config, schema: str, text: str) -> list[str]:
    """The tables of a schema with a row that holds the text, be it inside a BYTEA, which is shown in hexadecimals."""
    async with connect(config.owner_url) as owner:
        names = await owner.fetch("SELECT tablename FROM pg_tables WHERE schemaname = $1", schema)
        assert len(names) > 10
        return [
            name
            for (name,) in names
            if await owner.fetchval(
                f"SELECT EXISTS (SELECT FROM {quote_identifier(schema)}.{quote_identifier(name)} AS row "
                "WHERE strpos(row::text, $1) > 0 OR strpos(row::text, $2) > 0)",
                text,
                text.encode().hex(),
            )
        ]
