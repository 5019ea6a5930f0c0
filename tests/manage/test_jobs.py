"""``manage jobs``: what an operator does about mails that could not be sent."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.manage.commands import CommandLine
from tests.support.post import PostOffice
from tests.support.probes import owner_connection
from tests.support.world import TestTenant

KIND = "mail.password_reset"
GIVE_UP = """UPDATE outbox SET status = 'dead', attempts = 12, last_error = 'SMTPError: 550 nobody here'
             WHERE tenant_id = $1 RETURNING id"""


@pytest.fixture
async def dead(office: PostOffice, branches: dict[str, TestTenant]) -> dict[str, str]:
    """One mail of each tenant that was given up: the jobs' ids."""
    jobs = {}
    async with owner_connection(office.config, "system") as owner:
        for name, tenant in branches.items():
            answer = await tenant.owner.post(f"/users/{tenant.people['member'].id}/password-reset")
            assert answer.status_code == 202
            jobs[name] = str(await owner.fetchval(GIVE_UP, name))
    return jobs


async def test_what_was_given_up_is_listed_with_its_reason(
    line: CommandLine, dead: dict[str, str], branches: dict[str, TestTenant]
) -> None:
    await branches["north"].owner.post(f"/users/{branches['north'].people['viewer'].id}/password-reset")

    everything = await line.run("jobs", "list", "--json")
    of_one = await line.run("jobs", "list", "--state", "dead", "--tenant", "tenant_north", "--kind", KIND)
    waiting = await line.run("jobs", "list", "--state", "waiting", "--json")

    assert len(everything.json) == 3
    ((job_id, tenant, kind, state, attempts, _, error),) = of_one.rows
    assert (job_id, tenant, kind, state, attempts) == (dead["north"], "north", KIND, "dead", "12")
    assert error == "SMTPError: 550 nobody here"
    assert [(job["tenant_id"], job["state"]) for job in waiting.json] == [("north", "waiting")]
    assert branches["north"].people["viewer"].id not in everything.stdout  # the payload is the tenant's
    assert (await line.run("jobs", "list", "--kind", "mail.other")).rows == []


async def test_a_retried_job_is_done_and_told_of(
    line: CommandLine, office: PostOffice, dead: dict[str, str], branches: dict[str, TestTenant]
) -> None:
    retried = await line.run("jobs", "retry", dead["north"], "--json")
    assert [(job["id"], job["state"], job["attempts"]) for job in retried.json] == [(dead["north"], "waiting", 0)]

    letters = await office.deliver()

    assert [letter.to for letter in letters] == [branches["north"].people["member"].email]
    left = await line.run("jobs", "list", "--json")
    assert [(job["id"], job["state"]) for job in left.json] == [(dead["south"], "dead")]
    async with owner_connection(office.config, "system") as owner:
        told = await owner.fetch("SELECT * FROM audit_logs WHERE target_id = $1", dead["north"])
    assert [(row["action"], row["tenant_id"], row["actor_name"]) for row in told] == [
        ("platform.job.retried", "north", "command line")
    ]


async def test_all_dead_jobs_or_those_of_one_tenant_are_dropped(
    line: CommandLine, office: PostOffice, dead: dict[str, str]
) -> None:
    first = await line.run("jobs", "drop", "--all-dead", "--tenant", "south", "--json")
    rest = await line.run("jobs", "retry", "--all-dead", "--json")

    assert [job["id"] for job in first.json] == [dead["south"]]
    assert [job["id"] for job in rest.json] == [dead["north"]]
    assert len(await office.jobs()) == 1


async def test_what_is_under_way_or_gone_is_left_alone(
    line: CommandLine, office: PostOffice, dead: dict[str, str]
) -> None:
    async with owner_connection(office.config, "system") as owner:
        await owner.execute("UPDATE outbox SET status = 'pending', locked_until = now() + interval '1 minute'")

    for command in ("retry", "drop"):
        busy = await line.run("jobs", command, dead["north"])
        gone = await line.run("jobs", command, str(uuid4()))
        assert "being done now" in (busy.failure or "")
        assert "There is no job" in (gone.failure or "")
        for wrong in ((), (dead["north"], "--all-dead"), (dead["north"], "--tenant", "north")):
            refused = await line.run("jobs", command, *wrong)
            assert "--all-dead" in (refused.failure or "")
    assert {job["state"] for job in (await line.run("jobs", "list", "--json")).json} == {"running"}
    assert len(await office.jobs()) == 2
