"""What a contract must know of a resource, and what all contracts share."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

import httpx
import pytest

from tests.support.world import Api, TestTenant

Body = dict[str, Any]
WRITES: Final = ("PUT", "PATCH", "DELETE")
# Method, whether it addresses an item, and the action of its permission.
OPERATIONS: Final = (
    ("GET", False, "read"),
    ("POST", False, "create"),
    ("GET", True, "read"),
    ("PUT", True, "update"),
    ("PATCH", True, "update"),
    ("DELETE", True, "delete"),
)

WORDS = (f"w{number:x}" for number in itertools.count(4096))


@dataclass(frozen=True)
class Resource:
    """What a contract must know of a resource."""

    path: str  # of the collection, below /api/v1
    permission: str  # "users" for users:read, users:create, users:update, users:delete
    body: Callable[[str], Body]  # a valid body for POST; the word in it is unique
    replacement: Callable[[str], Body]  # a valid body for PUT without any optional field
    change: Body  # a valid body for PATCH: optional fields, none with its default
    defaults: Body  # what those and all other optional fields become when a PUT leaves them out
    refused: Mapping[str, str] = field(default_factory=dict)  # action → a role that may not
    identity: str = "id"  # what an item's path ends in


@dataclass(frozen=True)
class Row:
    """A row that a test writes past the service."""

    word: str  # unique; letters and digits
    text: str
    created_at: datetime


def etag(item: Body, later: int = 0) -> str:
    """The ETag of an item, or of what it will be after so many more changes."""
    return f'"v{item["version"] + later}"'


def moment(number: int) -> datetime:
    """A time long past, later for a larger number."""
    return datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=number, microseconds=number)


class WatchedApi(Api):
    """A client of one twin who would notice the other's canary in any answer."""

    def __init__(self, tenant: TestTenant, foreign: str) -> None:
        super().__init__(tenant.owner._http, tenant.owner.headers)
        self._foreign = foreign

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request and look at the whole answer."""
        answer = await super().request(method, path, **options)
        assert self._foreign not in f"{answer.headers} {answer.text}"
        return answer


class Contract:
    """What the contracts share: the twin whose turn it is, and its owner's client."""

    resource: ClassVar[Resource]

    @pytest.fixture(params=["alpha", "beta"])
    def home(self, request: pytest.FixtureRequest, alpha: TestTenant, beta: TestTenant) -> TestTenant:
        """One twin, then the other."""
        return alpha if request.param == "alpha" else beta

    @pytest.fixture
    def api(self, home: TestTenant, alpha: TestTenant, beta: TestTenant) -> Api:
        """The owner of that twin."""
        return WatchedApi(home, (beta if home is alpha else alpha).canary)

    def sent(self, method: str, body: Body | None) -> dict[str, Any]:
        """A body as httpx sends it: JSON, unless the resource takes something else."""
        return {"json": body}

    async def create(self, api: Api, body: Body, **options: Any) -> httpx.Response:
        """The answer to a new item."""
        return await api.post(self.resource.path, **self.sent("POST", body), **options)

    async def make(self, api: Api) -> Body:
        """A new item."""
        answer = await self.create(api, self.resource.body(next(WORDS)))
        assert answer.status_code == 201, answer.text
        created: Body = answer.json()
        return created

    def at(self, item: Body) -> str:
        """An item's path."""
        return f"{self.resource.path}/{item[self.resource.identity]}"

    def valid(self, method: str) -> Body | None:
        """A body that the method accepts."""
        bodies: Mapping[str, Callable[[str], Body]] = {
            "POST": self.resource.body,
            "PUT": self.resource.replacement,
            "PATCH": lambda _: dict(self.resource.change),
        }
        return bodies[method](next(WORDS)) if method in bodies else None
