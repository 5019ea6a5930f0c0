"""Every route is guarded, and every collection has its contract test."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import cache

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from serving.guards import Guard, PlatformKey, PlatformOperator, Requires, SignedIn
from serving.listing import list_query, plain_list_query
from serving.route import Route
from tests.support.routes import operations
from tests.support.source import ROOT, Module, parse, product
from tests.support.tool_operations import TOOLS
from tests.support.world import API

# What needs no credential, or one that only the body is. Each addition is a decision.
OPEN = {
    "login", "refresh", "verify_tenant", "request_password_reset", "reset_password", "verify_email",
    "resend_verification", "accept_invitation", "get_public_settings",
}.union(*(tool.open for tool in TOOLS))  # fmt: skip
# What somebody signed in may do without a permission: things about himself.
OWN = {
    "logout", "get_me", "test_authentication", "change_password", "change_email", "list_own_sessions",
    "end_own_session", "begin_totp", "confirm_totp", "delete_totp",
}.union(*(tool.own for tool in TOOLS))  # fmt: skip
# Collections whose items cannot be replaced. What their items do otherwise, tests of their own prove.
WITHOUT_PUT = {
    "/users/api-keys", "/users/invitations", "/platform/keys", "/tools/reviews/requests", "/tools/events/feeds",
}  # fmt: skip


def unguarded(guards: Sequence[tuple[str, Guard]]) -> set[str]:
    """Operations that ask for less than a permission and are on no list."""
    open_ones = {name for name, guard in guards if not isinstance(guard, SignedIn | PlatformKey | PlatformOperator)}
    own_ones = {name for name, guard in guards if isinstance(guard, SignedIn) and not isinstance(guard, Requires)}
    return (open_ones - OPEN) | (own_ones - OWN)


def contract_paths(modules: Sequence[Module], contract: str) -> set[str]:
    """The paths for which a test class derives from the contract: its own ``path`` or, where ids are part of that, its
    ``template``; or its resource's."""
    classes = [node for module in modules for node in module.nodes if isinstance(node, ast.ClassDef)]
    fulfilling: set[str] = {contract}
    while more := {node.name for node in classes if _derives(node, fulfilling)} - fulfilling:
        fulfilling |= more
    return {path for node in classes if _derives(node, fulfilling) for path in _paths(node)}


def _derives(node: ast.ClassDef, names: set[str]) -> bool:
    """Whether a base has one of the names, maybe with a word before it: ``lists.GrowingListContract``."""
    return any(ast.unparse(base).endswith(name) for base in node.bases for name in names)


def _paths(node: ast.ClassDef) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.keyword | ast.Assign) and isinstance(part.value, ast.Constant):
            name = part.arg if isinstance(part, ast.keyword) else ast.unparse(part.targets[0])
            if name in {"path", "template"}:
                yield str(part.value.value)


@cache
def suite() -> tuple[Module, ...]:
    """Every file with tests."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    return tuple(parse(path.relative_to(ROOT).as_posix(), path.read_text()) for path in files)


def test_every_operation_asks_for_a_permission_or_is_on_a_list(app: FastAPI) -> None:
    found = [(operation.name, operation.guard) for operation in operations(app)]

    assert unguarded(found) == set()
    assert {name for name, _ in found} >= OPEN | OWN


def test_nothing_but_the_root_is_outside_the_guarded_routes(app: FastAPI) -> None:
    outside = {
        context.path for context in iter_route_contexts(app.routes) if not isinstance(context.original_route, Route)
    }

    assert outside == {
        "/",
        "/health",
        "/readiness",
        "/metrics",
        "/openapi.json",
        "/docs",
        "/redoc",
        "/docs/assets/{name}",
        "/.well-known/jwks.json",
    }


def test_every_list_has_its_contract_test(app: FastAPI) -> None:
    lists = {
        (context.path or "").removeprefix(API)
        for context in iter_route_contexts(app.routes)
        if isinstance(context.original_route, Route)
        if {list_query, plain_list_query} & {part.call for part in context.original_route.dependant.dependencies}
    }

    assert lists - contract_paths(suite(), "ListContract") == set()
    assert len(lists) >= 10


def test_every_collection_one_can_add_to_has_its_contract_tests(app: FastAPI) -> None:
    served = {(operation.method, operation.path) for operation in operations(app)}
    collections = {
        path for method, path in served if method == "POST" and ("GET", path) in served and not path.endswith("}")
    }
    replaceable = {
        path for path in collections if any(method == "PUT" and _is_item(path, item) for method, item in served)
    }

    assert collections - replaceable == WITHOUT_PUT
    for contract in ("CrudContract", "ConcurrencyContract", "PermissionContract", "TenantIsolationContract"):
        assert replaceable - contract_paths(suite(), contract) == set(), contract
    assert len(replaceable) >= 3


def _is_item(collection: str, path: str) -> bool:
    """Whether the path addresses one of the collection."""
    rest = path.removeprefix(f"{collection}/")
    return rest != path and rest.startswith("{") and "/" not in rest


def including(modules: Sequence[Module]) -> list[str]:
    """Where a router is included (decision 43)."""
    return [
        f"{module.path}:{node.lineno}"
        for module in modules
        for node in module.nodes
        if isinstance(node, ast.Attribute) and node.attr == "include_router"
    ]


def test_no_router_is_included() -> None:
    assert including(product()) == []


def test_an_included_router_is_found() -> None:
    assert including([parse("users/endpoints.py", "router.include_router(part)\n")]) == ["users/endpoints.py:1"]


def test_an_unguarded_route_is_found() -> None:
    assert unguarded([("list_secrets", Guard())]) == {"list_secrets"}
    assert unguarded([("list_secrets", SignedIn())]) == {"list_secrets"}
    assert unguarded([("list_tenants", PlatformOperator()), ("make_tenant", PlatformKey())]) == set()
    assert unguarded([("login", Guard()), ("get_me", SignedIn()), ("list_users", Requires("users:read"))]) == set()


def test_a_contract_is_found_by_its_class() -> None:
    text = 'class TestX(CrudContract):\n    resource = Resource(path="/x", permission="y")\n'
    listed = 'class TestY(lists.GrowingListContract):\n    path = "/y"\n'

    assert contract_paths([parse("test_x.py", text + listed)], "CrudContract") == {"/x"}
    assert contract_paths([parse("test_x.py", text + listed)], "ListContract") == {"/y"}
