"""What every tool's records promise beyond what all resources do: levels, links, deleting and restoring."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from common.config import Config
from tests.support.contracts.resource import WORDS, Body, Contract, WatchedApi
from tests.support.probes import owner_connection
from tests.support.staff import Staff
from tests.support.world import Api, TestTenant


class RecordContract(Contract):
    """Records of one kind, in both twins."""

    kind: str  # as the audit log and timelines call it

    @pytest.fixture(params=["alpha", "beta"])
    def home(
        self, request: pytest.FixtureRequest, alpha: TestTenant, beta: TestTenant, all_staff: dict[str, Staff]
    ) -> TestTenant:
        """One twin, then the other, each with somebody who may do nothing."""
        twin = alpha if request.param == "alpha" else beta
        return replace(twin, people={**twin.people, "nobody": all_staff[twin.name].nobody})

    @pytest.fixture
    def api(self, home: TestTenant, neighbour: TestTenant) -> Api:
        """The owner of that twin."""
        return WatchedApi(home, neighbour.canary)

    @pytest.fixture
    def neighbour(self, home: TestTenant, alpha: TestTenant, beta: TestTenant) -> TestTenant:
        """The other twin."""
        return beta if home.name == alpha.name else alpha

    @pytest.fixture
    def staff(self, home: TestTenant, all_staff: dict[str, Staff]) -> Staff:
        """The people of the twin whose turn it is."""
        return all_staff[home.name]

    async def make_with(self, api: Api, **fields: Any) -> Body:
        """A new item with these fields."""
        answer = await self.create(api, {**self.resource.body(next(WORDS)), **fields})
        assert answer.status_code == 201, answer.text
        created: Body = answer.json()
        return created

    async def ids(self, api: Api, **query: Any) -> set[str]:
        """What a list shows of the newest."""
        answer = await api.get(self.resource.path, params={"limit": 200, "sort": "-created_at", **query})
        assert answer.status_code == 200, answer.text
        return {item["id"] for item in answer.json()["items"]}

    async def test_who_made_it_is_told(self, staff: Staff) -> None:
        item = await self.make(staff.author.api)

        assert (item["created_by"], item["version"], item["links"], item["deleted_at"]) == (
            staff.author.id,
            1,
            [],
            None,
        )

    @pytest.mark.promise("R1")
    async def test_at_level_own_the_records_of_others_do_not_exist(self, staff: Staff) -> None:
        item = await self.make(staff.author.api)

        for api in (staff.colleague.api, staff.outsider.api):
            await self.assert_missing(api, item)
            assert item["id"] not in await self.ids(api)
        assert (await staff.author.api.get(self.at(item))).json() == item
        assert item["id"] in await self.ids(staff.author.api)
        changed = await staff.author.api.patch(self.at(item), json=self.resource.change)
        assert changed.status_code == 200
        assert (await staff.author.api.delete(self.at(item))).status_code == 204

    @pytest.mark.promise("R1")
    async def test_at_level_team_those_of_one_s_teams_can_be_reached(self, staff: Staff) -> None:
        ours, theirs = await self.make(staff.author.api), await self.make(staff.outsider.api)

        assert (await staff.manager.api.get(self.at(ours))).json() == ours
        await self.assert_missing(staff.manager.api, theirs)
        seen = await self.ids(staff.manager.api)
        assert ours["id"] in seen
        assert theirs["id"] not in seen
        changed = await staff.manager.api.patch(self.at(ours), json=self.resource.change)
        assert (changed.status_code, changed.json()["created_by"]) == (200, staff.author.id)
        assert (await staff.manager.api.delete(self.at(ours))).status_code == 204

    @pytest.mark.promise("R1")
    async def test_what_one_may_read_but_not_change_is_refused_by_name(self, staff: Staff) -> None:
        item = await self.make(staff.author.api)

        assert (await staff.reader.api.get(self.at(item))).json() == item
        for method, action in (("PUT", "update"), ("PATCH", "update"), ("DELETE", "delete")):
            answer = await staff.reader.api.request(method, self.at(item), **self.sent(method, self.valid(method)))
            assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied"), method
            assert f"{self.resource.permission}:{action}" in answer.json()["detail"]
        assert (await staff.author.api.get(self.at(item))).json() == item

    async def test_what_was_deleted_can_be_found_and_restored(self, api: Api, staff: Staff) -> None:
        item = await self.make(staff.author.api)
        assert (await staff.author.api.post(f"{self.at(item)}/restore")).status_code == 404
        assert (await staff.author.api.delete(self.at(item))).status_code == 204

        assert item["id"] not in await self.ids(api)
        (listed,) = [
            one
            for one in (await staff.author.api.get(self.resource.path, params={"deleted": "true"})).json()["items"]
            if one["id"] == item["id"]
        ]
        assert listed["deleted_at"] is not None
        for stranger in (staff.colleague.api, staff.outsider.api):
            assert item["id"] not in await self.ids(stranger, deleted="true")
            assert (await stranger.post(f"{self.at(item)}/restore")).status_code == 404
        restored = await staff.author.api.post(f"{self.at(item)}/restore")

        assert (restored.status_code, restored.headers["ETag"]) == (200, '"v3"')
        assert restored.json() == {**item, "version": 3, "updated_at": restored.json()["updated_at"]}
        assert (await api.get(self.at(item))).json() == restored.json()
        assert (await staff.author.api.post(f"{self.at(item)}/restore")).status_code == 404

    async def test_links_are_kept_once_each_and_replaced_as_a_whole(self, api: Api) -> None:
        links = [{"type": "booking", "id": next(WORDS)}, {"type": "customer", "id": "C-1"}]

        item = await self.make_with(api, links=[links[1], links[0], links[1]])
        assert item["links"] == links
        same = await api.patch(self.at(item), json={"links": list(reversed(links))})
        assert (same.json(), same.headers["ETag"]) == (item, '"v1"')
        fewer = await api.patch(self.at(item), json={"links": links[:1]})
        assert (fewer.json()["links"], fewer.headers["ETag"]) == (links[:1], '"v2"')
        none = await api.put(self.at(item), json=self.resource.replacement(next(WORDS)))
        assert none.json()["links"] == []

    async def test_a_list_can_be_narrowed_to_what_is_about_something(self, api: Api) -> None:
        booking, other = next(WORDS), next(WORDS)
        about = await self.make_with(api, links=[{"type": "booking", "id": booking}, {"type": "customer", "id": other}])
        crossed = await self.make_with(
            api, links=[{"type": "booking", "id": other}, {"type": "customer", "id": booking}]
        )

        assert await self.ids(api, related_type="booking", related_id=booking) == {about["id"]}
        assert await self.ids(api, related_id=booking) == {about["id"], crossed["id"]}
        assert await self.ids(api, related_type="booking", related_id=next(WORDS)) == set()
        assert {about["id"], crossed["id"]} <= await self.ids(api, related_type="booking")

    @pytest.mark.parametrize(
        ("links", "pointer"),
        [
            ([{"type": "booking"}], "/body/links/0/id"),
            ([{"type": "", "id": "1"}], "/body/links/0/type"),
            ([{"type": "booking", "id": "x" * 129}], "/body/links/0/id"),
            ([{"type": "booking", "id": "1", "tenant": "beta"}], "/body/links/0/tenant"),
            ([{"type": "booking", "id": str(number)} for number in range(51)], "/body/links"),
            ([{"type": "booking", "id": "a\0b"}], "/body/links/0/id"),
            ("booking", "/body/links"),
        ],
    )
    async def test_a_link_that_is_none_is_refused(self, api: Api, links: Any, pointer: str) -> None:
        item = await self.make(api)

        answer = await api.patch(self.at(item), json={"links": links})

        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)

    async def test_a_list_can_be_narrowed_to_who_made_it(self, api: Api, staff: Staff) -> None:
        theirs = await self.make(staff.colleague.api)

        found = await self.ids(api, created_by=staff.colleague.id)

        assert theirs["id"] in found
        assert (await self.make(api))["id"] not in await self.ids(api, created_by=staff.colleague.id)

    @pytest.mark.promise("D2")
    async def test_every_change_is_audited_once(self, home: TestTenant, api: Api, config: Config) -> None:
        item = await self.make(api)
        await api.patch(self.at(item), json=self.resource.change)
        await api.delete(self.at(item))
        await api.post(f"{self.at(item)}/restore")

        async with owner_connection(config, home.name) as owner:
            found = await owner.fetch(
                "SELECT action, changes FROM audit_logs WHERE target_type = $1 AND target_id = $2 ORDER BY seq",
                self.kind,
                item["id"],
            )
        assert [row["action"] for row in found] == [
            f"tools.{self.kind}.{verb}" for verb in ("created", "updated", "deleted", "restored")
        ]
        assert all(name in found[1]["changes"] for name in self.resource.change)

    async def assert_missing(self, api: Api, item: Body) -> None:
        """Nobody is told that there is something he may not see."""
        for method in ("GET", "PUT", "PATCH", "DELETE"):
            answer = await api.request(method, self.at(item), **self.sent(method, self.valid(method)))
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), method
