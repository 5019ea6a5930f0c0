"""Two who do the same thing at the same moment, or one who does it twice."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.contracts.resource import WORDS, WRITES, Contract, etag
from tests.support.world import Api


class ConcurrencyContract(Contract):
    """ETags: a lost update is impossible."""

    @pytest.mark.promise("D4")
    @pytest.mark.parametrize("method", WRITES)
    async def test_a_stale_version_changes_nothing(self, api: Api, method: str) -> None:
        item = await self.make(api)
        current = (await api.patch(self.at(item), json=self.resource.change)).json()

        answer = await api.request(
            method, self.at(item), headers={"If-Match": etag(item)}, **self.sent(method, self.valid(method))
        )

        assert (answer.status_code, answer.json()["code"]) == (412, "version_conflict")
        assert (await api.get(self.at(item))).json() == current

    @pytest.mark.promise("D4")
    async def test_of_two_who_change_the_same_version_one_loses(self, api: Api) -> None:
        item = await self.make(api)
        fields = list(self.resource.change.items())
        bodies = [dict(fields[:1]), dict(fields[1:])]  # each alone would change something

        answers = await asyncio.gather(
            *(api.patch(self.at(item), json=body, headers={"If-Match": etag(item)}) for body in bodies)
        )

        assert sorted(answer.status_code for answer in answers) == [200, 412]
        (won,) = (answer.json() for answer in answers if answer.status_code == 200)
        assert (await api.get(self.at(item))).json() == won

    async def test_the_right_version_or_any_is_accepted(self, api: Api) -> None:
        item = await self.make(api)
        before = {name: item[name] for name in self.resource.change}

        first = await api.patch(self.at(item), json=self.resource.change, headers={"If-Match": etag(item)})
        second = await api.patch(self.at(item), json=before, headers={"If-Match": "*"})
        third = await api.delete(self.at(item), headers={"If-Match": etag(item, 2)})

        assert [first.status_code, second.status_code, third.status_code] == [200, 200, 204]

    async def test_what_is_no_version_of_ours_is_named(self, api: Api) -> None:
        item = await self.make(api)

        for given in ("v1", '"1"', '"v1", "v2"', '"v-1"', '"v99999999999"', ""):
            answer = await api.patch(self.at(item), json=self.resource.change, headers={"If-Match": given})

            assert (answer.status_code, answer.json()["code"]) == (400, "bad_request"), given

    async def test_who_has_the_current_version_is_spared_the_body(self, api: Api) -> None:
        item = await self.make(api)

        for known in (etag(item), f"W/{etag(item)}", f"{etag(item, 6)}, {etag(item)}", "*"):
            same = await api.get(self.at(item), headers={"If-None-Match": known})
            assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", etag(item)), known
        await api.patch(self.at(item), json=self.resource.change)
        changed = await api.get(self.at(item), headers={"If-None-Match": etag(item)})
        assert (changed.status_code, changed.headers["ETag"]) == (200, etag(item, 1))


class IdempotencyContract(Contract):
    """Idempotency-Key: a duplicate is impossible."""

    @pytest.mark.promise("D4")
    async def test_a_repeated_request_gets_the_first_answer(self, api: Api) -> None:
        body, key = self.resource.body(next(WORDS)), {"Idempotency-Key": next(WORDS)}
        first = await self.create(api, body, headers=key)

        again = await self.create(api, body, headers=key)

        assert first.status_code == again.status_code == 201
        assert "Idempotency-Replayed" not in first.headers
        assert again.headers["Idempotency-Replayed"] == "true"
        assert again.json() == first.json()
        for name in ("ETag", "Location", "Content-Type"):
            assert again.headers[name] == first.headers[name]

    async def test_the_same_key_with_another_body_is_a_mistake(self, api: Api) -> None:
        key = {"Idempotency-Key": next(WORDS)}
        assert (await self.create(api, self.resource.body(next(WORDS)), headers=key)).status_code == 201

        answer = await self.create(api, self.resource.body(next(WORDS)), headers=key)

        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")

    @pytest.mark.promise("D4")
    async def test_of_many_at_once_one_creates(self, api: Api) -> None:
        body, key = self.resource.body(next(WORDS)), {"Idempotency-Key": next(WORDS)}

        answers = await asyncio.gather(*(self.create(api, body, headers=key) for _ in range(8)))

        made = [answer for answer in answers if answer.status_code == 201]
        refused = [answer for answer in answers if answer.status_code != 201]
        assert len({answer.json()[self.resource.identity] for answer in made}) == 1
        assert ["Idempotency-Replayed" in answer.headers for answer in made].count(False) == 1
        assert {(answer.status_code, answer.json()["code"]) for answer in refused} <= {(409, "idempotency_in_flight")}
        assert all("Retry-After" in answer.headers for answer in refused)

    async def test_a_failure_is_not_kept(self, api: Api) -> None:
        body, key = self.resource.body(next(WORDS)), {"Idempotency-Key": next(WORDS)}
        assert (await self.create(api, {**body, "x": 1}, headers=key)).status_code == 422

        answer = await self.create(api, body, headers=key)

        assert (answer.status_code, "Idempotency-Replayed" in answer.headers) == (201, False)

    @pytest.mark.parametrize("key", [b"", b"x" * 256, b"\xff"])
    async def test_a_key_has_1_to_255_ascii_characters(self, api: Api, key: bytes) -> None:
        body = self.resource.body(next(WORDS))

        answer = await self.create(api, body, headers={"Idempotency-Key": key})

        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
