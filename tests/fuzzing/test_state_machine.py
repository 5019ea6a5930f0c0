"""Two tenants, four people in each, and whatever they may do in any order: after each step model, API and SQL agree."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import Any, ClassVar, Final

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.fuzzing.conftest import Live
from tests.fuzzing.model import (
    KINDS,
    NAMED,
    NAMES,
    PATHS,
    RECORDS,
    ROLES,
    Kept,
    Model,
    Thing,
    body_of,
    may_write,
    reads,
)
from tests.support.world import API, TestTenant

MACHINES: Final = 4 * int(os.environ.get("EXAMPLES", "2"))
STEPS: Final = 60
PICK: Final = st.integers(0, 999)
SIDE: Final = st.sampled_from([0, 1])
ROLE: Final = st.sampled_from(ROLES)
NAME: Final = st.sampled_from(["ada", "bob", "cyd"])
KEY: Final = st.sampled_from([None, "k1", "k2"])
MATCH: Final = st.sampled_from(["none", "right", "stale", "any"])
_numbers = count(1)


class Side:
    """One of the two tenants: its people, its model and its tables."""

    def __init__(self, tenant: TestTenant, runner: asyncio.Runner, owner: asyncpg.Connection) -> None:
        self.name = tenant.name
        self.headers = {role: tenant.people[role].api.headers for role in ROLES}
        self.model = Model()
        self._runner, self._owner = runner, owner
        self._first = {kind: set(self._rows(kind)) for kind in KINDS}
        self._entries = self._count("audit_logs")

    def check(self) -> None:
        """What the tables have, read past the service as their owner, is what the model has."""
        for kind in KINDS:
            found = {key: row for key, row in self._rows(kind).items() if key not in self._first[kind]}
            assert found == {thing.id: _row_of(thing) for thing in self.model.of(kind)}, (self.name, kind)
        assert self._count("audit_logs") - self._entries == self.model.entries, self.name
        assert self._count("idempotency_keys") == len(self.model.kept), self.name

    def _rows(self, kind: str) -> dict[str, tuple[Any, ...]]:
        deleted = "false" if kind in {"roles", "teams"} else "deleted_at IS NOT NULL"
        private = "is_private" if kind == "notes" else "false"
        columns = f"id, {NAMES[kind]}, {private}, {deleted}, version"
        rows = self._run(self._owner.fetch(f"SELECT {columns} FROM {self.name}.{kind}"))
        return {str(row[0]): (*row.values(),)[1:] for row in rows}

    def _count(self, table: str) -> int:
        return int(self._run(self._owner.fetchval(f"SELECT count(*) FROM {self.name}.{table}")))

    def _run(self, work: Any) -> Any:
        return self._runner.run(work)


def _row_of(thing: Thing) -> tuple[Any, ...]:
    return thing.name, thing.private, thing.deleted, thing.version


class TwoTenants(RuleBasedStateMachine):
    """The machine. Each step asks for one thing, knows the answer beforehand, and looks at both tenants afterwards."""

    live: ClassVar[Live]
    runner: ClassVar[asyncio.Runner]
    owner: ClassVar[asyncpg.Connection]
    http: ClassVar[httpx.Client]
    threads: ClassVar[ThreadPoolExecutor]
    steps: ClassVar[int] = 0

    @initialize()
    def begin(self) -> None:
        """Two tenants that nobody has touched, with people of the same names."""
        number = next(_numbers)
        twins = [self.runner.run(self.live.twin(f"tenant_machine{number}_{side}")) for side in "ab"]
        self.sides = [Side(twin, self.runner, self.owner) for twin in twins]

    @rule(side=SIDE, role=ROLE, kind=st.sampled_from(KINDS), name=NAME, private=st.booleans(), key=KEY)
    def create(self, *, side: int, role: str, kind: str, name: str, private: bool, key: str | None) -> None:
        """Something new; the same again; another thing with a key that was used; a name that is taken."""
        model = self.sides[side].model
        body = body_of(kind, name, private=private)
        answer = self._ask(side, role, "POST", PATHS[kind], json=body, headers={"Idempotency-Key": key} if key else {})
        known = model.kept.get((role, kind, key or ""))
        if not may_write(role, kind):
            self._refused(side, answer)
        elif known is not None:
            assert answer.status_code == (201 if known.body == json.dumps(body) else 422), answer.text
            assert answer.status_code == 422 or answer.json()["id"] == known.id
        elif model.is_taken(kind, name):
            assert answer.status_code == 409, answer.text
        else:
            assert answer.status_code == 201, answer.text
            made = Thing(kind, answer.json()["id"], name, role, private=private and kind == "notes")
            model.things[made.id] = made
            model.entries += 1
            if key:
                model.kept[role, kind, key] = Kept(json.dumps(body), made.id)

    @rule(side=SIDE, role=ROLE, pick=PICK, name=NAME, match=MATCH)
    def rename(self, *, side: int, role: str, pick: int, name: str, match: str) -> None:
        """A change, with the right version, with another, or without."""
        thing = self._pick(side, pick, *KINDS)
        if thing is None:
            return
        model = self.sides[side].model
        body = {NAMES[thing.kind]: name}
        answer = self._ask(side, role, "PATCH", _address(thing), json=body, headers=_condition(thing, match))
        if self._is_out_of_reach(side, role, thing, answer):
            return
        if match == "stale":
            assert answer.status_code == 412, answer.text
        elif model.is_taken(thing.kind, name, but=thing.id):
            assert answer.status_code == 409, answer.text
        else:
            assert answer.status_code == 200, answer.text
            if name != thing.name:
                thing.name, thing.version = name, thing.version + 1
                model.entries += 1
            assert (answer.json()["version"], answer.headers["ETag"]) == (thing.version, f'"v{thing.version}"')

    @rule(side=SIDE, role=ROLE, pick=PICK, match=MATCH)
    def delete(self, *, side: int, role: str, pick: int, match: str) -> None:
        """Once 204, then 404."""
        thing = self._pick(side, pick, *KINDS)
        if thing is None:
            return
        answer = self._ask(side, role, "DELETE", _address(thing), headers=_condition(thing, match))
        if self._is_out_of_reach(side, role, thing, answer):
            return
        if match == "stale":
            assert answer.status_code == 412, answer.text
            return
        assert answer.status_code == 204, answer.text
        thing.version += thing.kind not in {"roles", "teams"}
        self.sides[side].model.remove(thing)
        self.sides[side].model.entries += 1

    @rule(side=SIDE, role=ROLE, pick=PICK)
    def restore(self, *, side: int, role: str, pick: int) -> None:
        """Back to life, if nobody has taken the name meanwhile."""
        thing = self._pick(side, pick, *RECORDS, "users")
        if thing is None:
            return
        model = self.sides[side].model
        answer = self._ask(side, role, "POST", f"{_address(thing)}/restore")
        if not may_write(role, thing.kind):
            self._refused(side, answer)
        elif not reads(role, thing) or not thing.deleted:
            assert answer.status_code == 404, answer.text
        elif model.is_taken(thing.kind, thing.name):
            assert answer.status_code == 409, answer.text
        else:
            assert answer.status_code == 200, answer.text
            thing.deleted, thing.version = False, thing.version + 1
            model.entries += 1

    @rule(side=SIDE, role=ROLE, pick=PICK, method=st.sampled_from(["GET", "PATCH", "DELETE"]))
    def reach_over(self, *, side: int, role: str, pick: int, method: str) -> None:
        """What the other tenant has does not exist here (T1)."""
        thing = self._pick(1 - side, pick, *KINDS)
        if thing is None:
            return
        body = {"json": {NAMES[thing.kind]: "stolen"}} if method == "PATCH" else {}
        answer = self._ask(side, role, method, _address(thing), **body)
        if (method != "GET" and not may_write(role, thing.kind)) or (answer.status_code == 403 and method == "GET"):
            self._refused(side, answer)
        else:
            assert answer.status_code == 404, answer.text

    @rule(side=SIDE, role=ROLE, kind=st.sampled_from(KINDS))
    def go_by_the_other_s_name(self, *, side: int, role: str, kind: str) -> None:
        """A credential of one tenant with the header of the other (T1)."""
        header = {"X-Tenant-ID": self.sides[1 - side].name}
        answer = self._ask(side, role, "POST", PATHS[kind], json=body_of(kind, "stolen"), headers=header)
        assert (answer.status_code, answer.json()["code"]) == (403, "tenant_mismatch")

    @precondition(lambda self: any(not thing.deleted for thing in self.sides[0].model.of(*RECORDS)))
    @rule(pick=PICK)
    def race(self, *, pick: int) -> None:
        """Of two changes to one version, one is made (D4)."""
        living = [thing for thing in self.sides[0].model.of(*RECORDS) if not thing.deleted]
        thing = living[pick % len(living)]
        condition = _condition(thing, "right")

        def change(name: str) -> httpx.Response:
            body = {NAMES[thing.kind]: name}
            return self._ask(0, thing.author, "PATCH", _address(thing), json=body, headers=condition)

        answers = list(self.threads.map(change, (f"{thing.name}!", f"{thing.name}?")))
        assert sorted(answer.status_code for answer in answers) == [200, 412]
        (made,) = (answer for answer in answers if answer.status_code == 200)
        thing.name, thing.version = made.json()[NAMES[thing.kind]], thing.version + 1
        self.sides[0].model.entries += 1

    @invariant()
    def the_tables_agree(self) -> None:
        """After every step, in both tenants."""
        type(self).steps += 1
        for side in getattr(self, "sides", ()):
            side.check()

    def teardown(self) -> None:
        """What each of them is shown, at the end; and the chains are whole."""
        for number in range(len(getattr(self, "sides", ()))):
            for role in ROLES:
                for kind in RECORDS if role in {"member", "viewer"} else KINDS:
                    self._compare_list(number, role, kind)
            verified = self._ask(number, "owner", "POST", "/settings/audit-logs/verify").json()
            assert (verified["ok"], verified["first_break"]) == (True, None)

    def _compare_list(self, side: int, role: str, kind: str) -> None:
        page = self._ask(side, role, "GET", f"{PATHS[kind]}?limit=200&include_total=true").json()
        shown = {item["id"]: (item[NAMES[kind]], item["version"]) for item in page["items"]}
        expected = {thing.id: (thing.name, thing.version) for thing in self.sides[side].model.shown_to(role, kind)}
        ours = {key: value for key, value in shown.items() if key not in self.sides[side]._first[kind]}
        assert ours == expected, (role, kind)
        assert page["total"] == len(shown)

    def _ask(self, side: int, role: str, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {**self.sides[side].headers[role], **options.pop("headers", {})}
        return self.http.request(method, API + path, headers=headers, **options)

    def _pick(self, side: int, pick: int, *kinds: str) -> Thing | None:
        things = self.sides[side].model.of(*kinds)
        return things[pick % len(things)] if things else None

    def _refused(self, side: int, answer: httpx.Response) -> None:
        """Every refusal is noted."""
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied"), answer.text
        self.sides[side].model.entries += 1

    def _is_out_of_reach(self, side: int, role: str, thing: Thing, answer: httpx.Response) -> bool:
        """Whether the answer must be, and is, that one may not, or that there is no such thing."""
        if not may_write(role, thing.kind):
            self._refused(side, answer)
            return True
        if thing.deleted or not reads(role, thing):
            assert answer.status_code == 404, answer.text
            return True
        return False


def _address(thing: Thing) -> str:
    return f"{PATHS[thing.kind]}/{thing.id}"


def _condition(thing: Thing, match: str) -> dict[str, str]:
    tags = {"right": f'"v{thing.version}"', "stale": f'"v{thing.version + 1}"', "any": "*"}
    return {"If-Match": tags[match]} if match in tags else {}


@contextmanager
def _standing(live: Live) -> Iterator[None]:
    """What all machines of a run use."""
    with (
        asyncio.Runner() as runner,
        httpx.Client(base_url=live.url, trust_env=False, timeout=30) as http,
        ThreadPoolExecutor(2) as threads,
    ):
        owner = runner.run(asyncpg.connect(live.owner_url))
        TwoTenants.live, TwoTenants.runner, TwoTenants.owner = live, runner, owner
        TwoTenants.http, TwoTenants.threads = http, threads
        yield
        runner.run(owner.close())


@pytest.mark.promise("T1")
@pytest.mark.promise("D2")
@pytest.mark.promise("D4")
def test_model_api_and_sql_agree_whatever_two_tenants_do(live: Live) -> None:
    with _standing(live):
        run_state_machine_as_test(
            TwoTenants,
            settings=settings(
                max_examples=MACHINES,
                stateful_step_count=STEPS,
                deadline=None,
                suppress_health_check=list(HealthCheck),  # its steps are requests, each of which takes its time
            ),
        )
    print(f"{TwoTenants.steps} steps, after each of which both tenants agreed")  # noqa: T201 - the figure
    assert TwoTenants.steps > MACHINES


def test_the_names_that_machines_make_collide() -> None:
    """Or no name would ever be taken."""
    model = Model(things={"1": Thing("users", "1", "ada", "owner"), "2": Thing("notes", "2", "bob", "owner")})

    assert [model.is_taken(kind, "ada") for kind in NAMED] == [True, False, False]
    assert not model.is_taken("notes", "bob")
