"""Makes the questions: a tenant with things in it, and for each operation the request that a client would send."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import httpx

from tests.http.test_openapi_lived import NAMING, renamed
from tests.scanners.questions import JSON, MARK, Question, is_text, marked, plain_value, resolved
from tests.support.inputs import Preparations, Prepared
from tests.support.operations import Operation
from tests.support.things import word

# Operations that are not attacked, and why.
SPARED: Final = {
    "logout": "ends the session it comes by",
    "end_own_session": "ends the session it comes by",
    "change_password": "is good once: the second request has a wrong password",
    "begin_totp": "takes nothing",
    "confirm_totp": "is good once",
    "delete_totp": "is good once",
    "import_tenant": "takes a packed archive",
    "stream_flag_changes": "never ends",
}
LAST: Final = "replace_flag_definition"  # takes away the flags that others are about
# What is filtered by, where it is not what the example of the list's own things has: by operation and name, or by name.
VALUES: Final[dict[str, str]] = {
    "q": "n",
    "include_total": "true",
    "related_type": "booking",
    "related_id": "BK-1",
    "tag": "vip",
    "list_users.role": "viewer",
    "list_users.team": "Reservations",
    "search_records.q": "Vegetarian",
    "list_occurrences.q": "Meeting",
    "search_records.kind": "note",
    "list_timeline.kind": "note",
    "action": "tools.note.created",
    "target_type": "note",
    "list_platform_audit_logs.action": "tenant.created",
    "list_platform_audit_logs.tenant_id": "north",
    "time_zone": "Europe/Athens",
    "media_type": "text/plain",
    "sha256": hashlib.sha256().hexdigest(),
    "get_call_statistics.from": "2026-03-01",
    "get_call_statistics.to": "2026-04-01",
    "record_type": "task",
    "permission": "tasks:read",
}
# What only one may have, beside what ``renamed`` knows.
UNIQUE: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "create_review_request": lambda: {"reviewer_email": f"{word()}@post.example"}
}
# Lists whose filters choose nothing together, or of which nothing is made: there, only errors and time tell of a hole.
EMPTY: Final = frozenset(
    {
        "list_attachments", "search_records", "list_user_sessions", "list_users", "list_occurrences",
        "list_user_permissions", "list_public_reviews", "list_platform_audit_logs", "list_user_roles", "list_comments",
    }
)  # fmt: skip
LINKS: Final = [{"type": "booking", "id": "BK-1"}]
LINKED: Final = frozenset({"create_note", "create_task", "create_call", "create_event", "create_review"})
# Headers whose text gets as far as the database, each on one operation.
HEADERS: Final = {
    "verify_tenant": {"X-Tenant-ID": ""},
    "login": {"User-Agent": "scanned"},
    "create_note": {"X-Request-ID": "scanned"},
    "create_team": {"Idempotency-Key": "scanned"},
    "get_user": {"If-None-Match": '"v1"'},
}


class Asker:
    """Asks in one tenant. ``refused`` and ``empty`` are operations whose question is not as good as it should be."""

    def __init__(
        self, document: Mapping[str, Any], operations: Iterable[Operation], preparations: Preparations, url: str
    ) -> None:
        self.document = document
        self.operations = {operation.name: operation for operation in operations}
        self.preparations = preparations
        self.url = url
        self.refused = dict[str, str]()
        self.empty = set[str]()
        self._typed = set[str]()
        self._values = dict[str, str]()
        self._made = dict[str, Mapping[str, Any]]()

    async def furnish(self) -> None:
        """Make one of everything that an operation makes, with the examples of the document."""
        for name, operation in self.operations.items():
            if name.startswith("create_") or name == "put_system_setting":
                prepared = await self._prepare(operation, self._described(operation))
                await self._send(name, prepared)
                self._made[operation.path] = prepared.options.get("json", {})
        found = await self._tenant_wide("/settings/audit-logs", {"action": VALUES["action"]})
        self._values |= {"target_id": found["target"]["id"], "request_id": found["request_id"]}

    async def questions(self) -> list[Question]:
        """All of them, the one that is in the way of others last."""
        asked = [
            question
            for name, operation in sorted(self.operations.items(), key=lambda item: item[0] == LAST)
            if name not in SPARED
            for question in await self._questions(operation)
        ]
        return [question for question in asked if question.has_places]

    async def _tenant_wide(self, path: str, query: Mapping[str, str]) -> Any:
        answer = await self.preparations.tenant.owner.get(path, params={**query, "limit": "1"})
        return answer.json()["items"][0]

    def _described(self, operation: Operation) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.document["paths"][operation.address][operation.method.lower()]
        return found

    def _role(self, described: Mapping[str, Any]) -> str:
        """Who may do everything there: the tenant's owner, the platform's operator, or anybody."""
        ways = described.get("security", [])
        if any("AccessToken" in way for way in ways):
            return "owner"
        return "platform" if any("PlatformKey" in way for way in ways) else "anonymous"

    async def _prepare(self, operation: Operation, described: Mapping[str, Any]) -> Prepared:
        prepared = await self.preparations.prepare(operation, self._role(described))
        content = described.get("requestBody", {}).get("content", {}).get(JSON, {})
        # All fields where a thing is made; one where it is changed, by the same rules and the same kind of statement.
        made = operation.name.startswith("create_") and operation.name not in NAMING
        if made and "example" in content and "json" in prepared.options:
            prepared.options["json"] = renamed(content["example"]) | UNIQUE.get(operation.name, dict)()
        if operation.name in LINKED:
            prepared.options["json"]["links"] = LINKS
        return prepared

    async def _questions(self, operation: Operation) -> list[Question]:
        described = self._described(operation)
        prepared = await self._prepare(operation, described)
        given = dict(prepared.options.pop("params", {}))
        path, _, query = prepared.path.partition("?")
        given |= dict(httpx.QueryParams(query))
        prepared.path = path
        parameters = {
            one["name"]: resolved(self.document, one["schema"])
            for one in described.get("parameters", ())
            if one["in"] == "query" and one["name"] not in given
        }
        asked = [given | await self._texts(prepared, operation, parameters, given)]
        asked += [given | rest for rest in self._rest(parameters)]
        if (cursor := await self._cursor(prepared, parameters, given)) is not None:
            asked.append(given | {"limit": "1", "cursor": cursor})
        found = [await self._question(operation, prepared, query) for query in asked]
        if await self._is_empty(prepared, asked[0]):
            self.empty.add(operation.name)
        return found

    async def _is_empty(self, prepared: Prepared, query: Mapping[str, str]) -> bool:
        """Whether it is a list of nothing."""
        if prepared.method != "GET":
            return False
        answer = await self._ask(prepared, query)
        return answer.is_success and "items" in answer.text and answer.json().get("items") == []

    async def _texts(
        self,
        prepared: Prepared,
        operation: Operation,
        parameters: Mapping[str, Mapping[str, Any]],
        given: Mapping[str, str],
    ) -> dict[str, str]:
        """The filters whose text reaches the database, with values of what was made there, and an order."""
        made = self._made.get(operation.path) or self._made.get(operation.path.rpartition("/")[0], {})
        values = {name: str(one[0] if isinstance(one, list) and one else one) for name, one in made.items()}
        values |= VALUES | self._values
        values |= {name.partition(".")[2]: one for name, one in VALUES.items() if name.startswith(f"{operation.name}.")}
        found = {
            name: values.get(name, "n")
            for name, schema in parameters.items()
            if name not in {"cursor", "sort", "confirm"}  # the last must be the tenant itself, which is in the path
            and (is_text(schema) or name == "include_total" or f"{operation.name}.{name}" in VALUES)
        }
        if "sort" in parameters:
            found["sort"] = await self._order(prepared, {**given, **found})
        return found

    async def _order(self, prepared: Prepared, given: Mapping[str, str]) -> str:
        """The first field that the list can be sorted by; it names them when it is asked for another."""
        answer = await self._ask(prepared, {**given, "sort": "nothing"})
        named = re.search(r"sorted by ([a-z_]+)", answer.text)
        assert named is not None, answer.text
        return f"-{named[1]}"

    def _is_new(self, name: str, schema: Mapping[str, Any]) -> bool:
        """Whether nothing like it was attacked yet. What is parsed before it reaches anything, is once in all."""
        kind = f"{name} {sorted(schema.items(), key=str)}"
        known = kind in self._typed
        self._typed.add(kind)
        return not known

    def _attacked(self, operation: Operation) -> set[str]:
        """The parts of the path that are attacked."""
        found = [one for one in self._described(operation).get("parameters", ()) if one["in"] == "path"]
        schemas = {one["name"]: resolved(self.document, one["schema"]) for one in found}
        return {name for name, schema in schemas.items() if is_text(schema) or self._is_new(name, schema)}

    def _rest(self, parameters: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, str]]:
        """The parameters that are no text."""
        an_id = self.preparations.tenant.people["owner"].id
        new = {name: one for name, one in parameters.items() if not is_text(one) and self._is_new(name, one)}
        if new:
            yield {name: plain_value(schema, an_id) for name, schema in new.items()}

    async def _cursor(self, prepared: Prepared, parameters: Mapping[str, Any], given: Mapping[str, str]) -> str | None:
        """One that the list gave, if it has more than a page of one."""
        if "cursor" not in parameters:
            return None
        answer = await self._ask(prepared, {**given, "limit": "1"})
        return answer.json().get("next_cursor") if answer.is_success else None

    async def _ask(self, prepared: Prepared, query: Mapping[str, str]) -> httpx.Response:
        return await prepared.api.request(prepared.method, prepared.path, params=query)

    async def _question(self, operation: Operation, prepared: Prepared, query: Mapping[str, str]) -> Question:
        address = prepared.api._address(prepared.path)
        headers = {**prepared.api.headers, **prepared.options.get("headers", {})}
        extra = {
            name: (value or headers.get(name, "")) + MARK for name, value in HEADERS.get(operation.name, {}).items()
        }
        built = httpx.Request(
            prepared.method,
            self.url + address,
            **{name: value for name, value in prepared.options.items() if name in {"json", "content", "data", "files"}},
        )
        built.read()
        kind = {"Content-Type": built.headers["Content-Type"]} if "Content-Type" in built.headers else {}
        body = prepared.options.get("json")
        content = "" if body is not None else built.content.decode(errors="replace")
        await self._send(operation.name, prepared, query)
        return Question(
            operation.name,
            prepared.method,
            marked(operation.address, address, self._attacked(operation)).replace("+", "%2B"),
            tuple(query.items()),
            {**kind, **headers, **extra},
            body,
            content.replace(word_of(content), word_of(content) + MARK) if content and word_of(content) else content,
        )

    async def _send(self, name: str, prepared: Prepared, query: Mapping[str, str] | None = None) -> httpx.Response:
        """Ask it once; what is refused is noted."""
        options = dict(prepared.options)
        if query:
            options["params"] = query
        answer = await prepared.api.request(
            prepared.method, prepared.path, headers=options.pop("headers", {}), **options
        )
        if not answer.is_success:
            self.refused[name] = f"{answer.status_code} {answer.text[:300]}"
        return answer


def word_of(text: str) -> str:
    """The made-up name in a body."""
    found = re.search(r"thing\d+", text)
    return found[0] if found else ""
