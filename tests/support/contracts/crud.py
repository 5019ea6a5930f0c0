"""Creating, reading, replacing, changing and deleting."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.support.contracts.resource import OPERATIONS, WORDS, WRITES, Contract, etag
from tests.support.world import API, Api


class CrudContract(Contract):
    """Creating, reading, replacing, changing and deleting one item."""

    async def test_what_was_created_is_where_the_answer_says(self, api: Api) -> None:
        body = self.resource.body(next(WORDS))

        answer = await self.create(api, body)

        created = answer.json()
        shown = {name: value for name, value in body.items() if name in created}
        assert (answer.status_code, answer.headers["ETag"]) == (201, etag(created))
        assert shown.items() <= created.items()
        assert answer.headers["Location"] == API + self.at(created)
        found = await api.get(answer.headers["Location"].removeprefix(API))
        assert (found.status_code, found.json(), found.headers["ETag"]) == (200, created, etag(created))

    async def test_put_replaces_and_what_is_left_out_gets_its_default(self, api: Api) -> None:
        item = await self.make(api)
        assert (await api.patch(self.at(item), json=self.resource.change)).status_code == 200
        body = self.resource.replacement(next(WORDS))

        answer = await api.put(self.at(item), json=body)

        assert (answer.status_code, answer.headers["ETag"]) == (200, etag(item, 2))
        assert {**body, **self.resource.defaults}.items() <= answer.json().items()
        assert (await api.get(self.at(item))).json() == answer.json()

    async def test_patch_sets_what_is_given_and_nothing_else(self, api: Api) -> None:
        item = await self.make(api)

        answer = await api.patch(self.at(item), json=self.resource.change)

        changed = answer.json()
        assert (answer.status_code, answer.headers["ETag"]) == (200, etag(item, 1))
        counted = {"version": item["version"] + 1, "updated_at": changed["updated_at"]}
        assert changed == {**item, **self.resource.change, **counted}
        assert changed["updated_at"] > item["updated_at"]

    async def test_a_patch_that_changes_nothing_makes_no_version(self, api: Api) -> None:
        item = await self.make(api)

        for body in ({}, {name: item[name] for name in self.resource.change}):
            answer = await api.patch(self.at(item), json=body)
            assert (answer.status_code, answer.json()) == (200, item)

    async def test_deleted_is_gone_for_every_method(self, api: Api) -> None:
        item = await self.make(api)

        answer = await api.delete(self.at(item))

        assert (answer.status_code, answer.content) == (204, b"")
        for method in ("GET", *WRITES):
            again = await api.request(method, self.at(item), **self.sent(method, self.valid(method)))
            assert (again.status_code, again.json()["code"]) == (404, "not_found"), method

    @pytest.mark.parametrize("method", ["GET", *WRITES])
    async def test_an_id_is_a_uuid_and_must_exist(self, api: Api, method: str) -> None:
        unknown = await api.request(method, f"{self.resource.path}/{uuid4()}", **self.sent(method, self.valid(method)))
        malformed = await api.request(method, f"{self.resource.path}/12345", **self.sent(method, self.valid(method)))

        assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
        assert (malformed.status_code, malformed.json()["errors"][0]["code"]) == (422, "uuid_parsing")

    @pytest.mark.promise("R3")
    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
    async def test_a_field_nobody_declared_is_refused(self, api: Api, method: str) -> None:
        item = await self.make(api)
        path = self.resource.path if method == "POST" else self.at(item)

        for name in ("nonsense", "id", "version", "created_at", "tenant_id", "is_superuser", "a/b~c"):
            answer = await api.request(method, path, **self.sent(method, {**(self.valid(method) or {}), name: 1}))
            (error,) = answer.json()["errors"]
            pointer = "/body/" + name.replace("~", "~0").replace("/", "~1")
            assert (answer.status_code, error["pointer"], error["code"]) == (422, pointer, "extra_forbidden")
        assert (await api.get(self.at(item))).json() == item

    async def test_a_query_parameter_nobody_declared_is_refused(self, api: Api) -> None:
        item = await self.make(api)

        for method, addresses_item, _ in OPERATIONS:
            path = self.at(item) if addresses_item else self.resource.path
            answer = await api.request(method, path, params={"no/nsense": "1"}, **self.sent(method, self.valid(method)))
            assert (answer.status_code, answer.json()["code"]) == (422, "unknown_parameter"), (method, path)
            assert answer.json()["errors"][0]["pointer"] == "/query/no~1nsense"
        assert (await api.get(self.at(item))).json() == item
