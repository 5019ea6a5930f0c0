"""Who may do it, and in which tenant."""

from __future__ import annotations

import pytest

from tests.support.contracts.resource import OPERATIONS, WORDS, WRITES, Contract
from tests.support.world import Api, TestTenant


class PermissionContract(Contract):
    """Each operation asks for a credential, and for its own permission."""

    async def test_without_a_credential_nothing_is_answered(self, api: Api, home: TestTenant) -> None:
        item = await self.make(api)

        for method, addresses_item, _ in OPERATIONS:
            path = self.at(item) if addresses_item else self.resource.path
            answer = await home.anonymous.request(method, path, **self.sent(method, self.valid(method)))
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), (method, path)
            assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert (await api.get(self.at(item))).json() == item

    async def test_who_lacks_the_permission_is_told_its_name(self, api: Api, home: TestTenant) -> None:
        item = await self.make(api)

        for method, addresses_item, action in OPERATIONS:
            path = self.at(item) if addresses_item else self.resource.path
            stranger = home.people[self.resource.refused[action]].api
            answer = await stranger.request(method, path, **self.sent(method, self.valid(method)))
            assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied"), (method, path)
            assert f"{self.resource.permission}:{action}" in answer.json()["detail"]
        assert (await api.get(self.at(item))).json() == item


@pytest.mark.promise("T1")
class TenantIsolationContract(Contract):
    """One twin's credential reaches nothing of the other."""

    @pytest.fixture
    def neighbour(self, home: TestTenant, alpha: TestTenant, beta: TestTenant) -> TestTenant:
        """The other twin."""
        return beta if home is alpha else alpha

    async def test_an_item_of_the_neighbour_does_not_exist(self, api: Api, neighbour: TestTenant) -> None:
        item = await self.make(neighbour.owner)

        for method in ("GET", *WRITES):
            for condition in ({}, {"If-Match": '"v1"'}, {"If-None-Match": '"v1"'}):
                answer = await api.request(
                    method, self.at(item), **self.sent(method, self.valid(method)), headers=condition
                )
                assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), (method, condition)
        assert (await neighbour.owner.get(self.at(item))).json() == item

    async def test_the_same_body_may_be_created_by_both(self, api: Api, neighbour: TestTenant) -> None:
        body, key = self.resource.body(next(WORDS)), {"Idempotency-Key": next(WORDS)}

        theirs = await self.create(neighbour.owner, body, headers=key)
        ours = await self.create(api, body, headers=key)

        assert (theirs.status_code, ours.status_code) == (201, 201)
        assert "Idempotency-Replayed" not in ours.headers
        assert theirs.json() != ours.json()

    async def test_the_neighbour_is_not_found_by_searching(self, api: Api, neighbour: TestTenant) -> None:
        item = await self.make(neighbour.owner)

        for query in ({}, {"q": neighbour.canary}, {"q": neighbour.name}, {"limit": "200", "include_total": "true"}):
            answer = await api.get(self.resource.path, params=query)
            assert answer.status_code == 200
            assert item[self.resource.identity] not in answer.text  # nor the canary: see WatchedApi

    async def test_a_cursor_of_the_neighbour_is_refused(self, api: Api, neighbour: TestTenant) -> None:
        for _ in range(2):
            await self.make(neighbour.owner)
        cursor = (await neighbour.owner.get(self.resource.path, params={"limit": 1})).json()["next_cursor"]

        answer = await api.get(self.resource.path, params={"limit": 1, "cursor": cursor})

        assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")
