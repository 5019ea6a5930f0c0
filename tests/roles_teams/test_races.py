"""The rules of rights hold when many act at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from common.config import Config
from tests.roles_teams.people import new_person, new_role, new_team, new_user, put, rights, word
from tests.support.probes import owner_connection
from tests.support.problems import problem_of
from tests.support.world import Person, TestTenant

MANY = 32


def statuses(answers: Sequence[httpx.Response]) -> Counter[int]:
    """How often each status was answered."""
    return Counter(answer.status_code for answer in answers)


@pytest.mark.promise("R2")
async def test_one_owner_survives_when_two_demote_each_other(http: httpx.AsyncClient, tenant: TestTenant) -> None:
    """Eighteen pairs of ways and then some: each against each, on both sides."""
    owner, ways = tenant.role_ids["owner"], ("roles", "denial", "mixed")
    first, second = tenant.people["owner"], await new_person(http, tenant, [owner])
    viewer = tenant.role_ids["viewer"]

    def demote(actor: Person, victim: Person, way: str) -> Any:
        if way == "denial":
            body: dict[str, Any] = {"permissions": [{"permission": "tenant:own", "effect": "deny"}]}
            return actor.api.put(f"/users/{victim.id}/permissions", json=body)
        return actor.api.put(f"/users/{victim.id}/roles", json={"role_ids": [viewer] if way == "mixed" else []})

    for number in range(24):
        one, other = ways[number % 3], ways[number // 3 % 3]
        answers = await asyncio.gather(demote(first, second, one), demote(second, first, other))

        assert statuses(answers)[200] == 1, [answer.text for answer in answers]
        (refused,) = (answer for answer in answers if answer.status_code != 200)
        problem_of(refused, 403, "permission_denied")
        left, lost = (first, second) if answers[0].status_code == 200 else (second, first)
        assert "tenant:own" in await rights(left)
        assert "tenant:own" not in await rights(lost)
        await put(left.api, f"/users/{lost.id}/permissions", permissions=[])
        await put(left.api, f"/users/{lost.id}/roles", role_ids=[owner])


@pytest.mark.promise("R2")
async def test_one_owner_survives_when_two_remove_each_other(http: httpx.AsyncClient, tenant: TestTenant) -> None:
    """By deactivating and deleting, which end the loser's session too."""
    methods: list[tuple[str, Any]] = [("DELETE", None), ("PATCH", {"is_active": False})]
    for number in range(8):
        first, second = tenant.people["owner"], await new_person(http, tenant, [tenant.role_ids["owner"]])
        (one, one_body), (other, other_body) = methods[number % 2], methods[number // 2 % 2]

        answers = await asyncio.gather(
            first.api.request(one, f"/users/{second.id}", json=one_body),
            second.api.request(other, f"/users/{first.id}", json=other_body),
        )

        assert sum(answer.status_code in {200, 204} for answer in answers) == 1, [one.text for one in answers]
        tenant.people["owner"] = first if answers[0].status_code in {200, 204} else second
        assert "tenant:own" in await rights(tenant.people["owner"])


@pytest.mark.promise("R2")
async def test_of_many_owners_who_resign_at_once_one_stays(http: httpx.AsyncClient, tenant: TestTenant) -> None:
    """Eight owners, each asking four times: his own first resignation that is served makes the others void."""
    others = [await new_person(http, tenant, [tenant.role_ids["owner"]]) for _ in range(MANY // 4 - 1)]
    owners = [tenant.people["owner"], *others] * 4

    answers = await asyncio.gather(*(one.api.put(f"/users/{one.id}/roles", json={"role_ids": []}) for one in owners))

    assert statuses(answers) == {200: len(others), 403: 3 * len(others), 409: 4}
    (stayed,) = {one.id: one for one, answer in zip(owners, answers, strict=True) if answer.status_code == 409}.values()
    assert "tenant:own" in await rights(stayed)


@pytest.mark.promise("R2")
async def test_rights_that_are_gone_give_nothing_any_more(
    http: httpx.AsyncClient, config: Config, tenant: TestTenant
) -> None:
    """Who is demoted while his requests are under way changes nothing after the demotion: by the audit log's order."""
    admin = await new_person(http, tenant, [tenant.role_ids["admin"]])
    role = await new_role(tenant.owner, "settings:update")
    team = await new_team(tenant.owner, role)
    users = [await new_user(tenant.owner) for _ in range(MANY)]

    def give(number: int, user: str) -> Any:
        if number % 2:
            return admin.api.put(f"/users/teams/{team}/members/{user}", json={})
        return admin.api.put(f"/users/{user}/roles", json={"role_ids": [role]})

    requests = [give(number, user) for number, user in enumerate(users)]
    requests.insert(MANY // 4, tenant.owner.put(f"/users/{admin.id}/roles", json={"role_ids": []}))
    answers = list(await asyncio.gather(*requests))

    assert answers.pop(MANY // 4).status_code == 200
    assert set(statuses(answers)) <= {200, 403}
    async with owner_connection(config, tenant.name) as connection:
        query = "SELECT actor_id::text, target_id FROM audit_logs WHERE action LIKE 'users.%' ORDER BY seq"
        log = [(row["actor_id"], row["target_id"]) for row in await connection.fetch(query)]
    demotion = log.index((tenant.people["owner"].id, admin.id), log.index((tenant.people["owner"].id, users[-1])))
    done = [number for number, (actor, _) in enumerate(log) if actor == admin.id]
    assert len(done) == statuses(answers)[200]
    assert all(number < demotion for number in done)


async def test_of_many_roles_of_one_name_one_is_made(tenant: TestTenant) -> None:
    name = word()

    answers = await asyncio.gather(
        *(tenant.owner.post("/users/roles", json={"name": name.upper() if n % 2 else name}) for n in range(MANY))
    )

    assert statuses(answers) == {201: 1, 409: MANY - 1}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"role_name_taken"}


async def test_a_ring_of_parents_never_closes(tenant: TestTenant) -> None:
    """Each of many teams is put below the next at once; any of them could be the one that closes the ring."""
    teams = [await new_team(tenant.owner) for _ in range(MANY)]

    answers = await asyncio.gather(
        *(
            tenant.owner.patch(f"/users/teams/{team}", json={"parent_id": teams[(number + 1) % MANY]})
            for number, team in enumerate(teams)
        )
    )

    assert statuses(answers) == {200: MANY - 1, 422: 1}
    shown = (await tenant.owner.get("/users/teams?limit=200")).json()["items"]
    assert [team["parent_id"] for team in shown].count(None) == 1


@pytest.mark.promise("D4")
async def test_of_many_who_replace_the_same_version_one_does(tenant: TestTenant) -> None:
    user = await new_user(tenant.owner)
    roles = [await new_role(tenant.owner) for _ in range(MANY)]

    answers = await asyncio.gather(
        *(
            tenant.owner.put(f"/users/{user}/roles", json={"role_ids": [role]}, headers={"If-Match": '"v1"'})
            for role in roles
        )
    )

    assert statuses(answers) == {200: 1, 412: MANY - 1}
    (won,) = (answer.json() for answer in answers if answer.status_code == 200)
    assert (await tenant.owner.get(f"/users/{user}/roles")).json() == won


async def test_of_many_who_put_the_same_user_into_a_team_all_find_him_there(tenant: TestTenant, config: Config) -> None:
    team, user = await new_team(tenant.owner), await new_user(tenant.owner)

    answers = await asyncio.gather(
        *(tenant.owner.put(f"/users/teams/{team}/members/{user}", json={}) for _ in range(MANY))
    )

    assert statuses(answers) == {200: MANY}
    assert (await tenant.owner.get(f"/users/teams/{team}")).json()["member_count"] == 1
    async with owner_connection(config, tenant.name) as connection:
        query = "SELECT count(*) FROM audit_logs WHERE action = 'users.team.members_changed'"
        assert await connection.fetchval(query) == 1


async def test_what_touches_the_same_people_from_all_sides_is_never_an_error(
    http: httpx.AsyncClient, tenant: TestTenant
) -> None:
    """Roles and teams deleted, people edited, deactivated and regrouped, all at once: every lock meets every other."""
    role = await new_role(tenant.owner, "tasks:read")
    team = await new_team(tenant.owner, role)
    people = [await new_user(tenant.owner, [role], [team]) for _ in range(6)]
    owner = tenant.owner

    def acts(user: str) -> list[Any]:
        return [
            owner.patch(f"/users/{user}", json={"is_active": False}),
            owner.patch(f"/users/{user}", json={"full_name": word()}),
            owner.put(f"/users/{user}/roles", json={"role_ids": [tenant.role_ids["viewer"]]}),
            owner.put(f"/users/{user}/permissions", json={"permissions": []}),
            owner.delete(f"/users/teams/{team}/members/{user}"),
        ]

    requests = [act for user in people for act in acts(user)]
    requests[12:12] = [
        owner.patch(f"/users/roles/{role}", json={"name": word()}),
        owner.patch(f"/users/teams/{team}", json={"name": word()}),
        owner.delete(f"/users/roles/{role}"),
        owner.delete(f"/users/teams/{team}"),
    ]
    answers = await asyncio.gather(*requests)

    assert set(statuses(answers)) <= {200, 204, 404}, [answer.text for answer in answers if answer.status_code > 404]
