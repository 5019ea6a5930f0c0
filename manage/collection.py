"""``clients/http/collection.json``: every operation as a request that can be sent, made from the API's document.

A Postman collection (v2.1), which Postman, Bruno, Insomnia and Hoppscotch open. It knows no more than the document: a
folder for each tag, bodies from the examples, and after a login or a creation a line that keeps the token or the id for
the requests that follow.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

Json = dict[str, Any]

DOCUMENT: Final = Path(__file__).parents[1] / "docs/openapi.json"
SCHEMA: Final = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
VARIABLES: Final = {
    "baseUrl": "http://127.0.0.1:8008",
    "tenant": "tenant_demo",
    "username": "admin",
    "password": "",
    "platformKey": "",
    "token": "",
    "refresh_token": "",
}
JSON: Final = "application/json"
# What the examples of bodies cannot know, because it is another one in each place.
GIVEN: Final[Mapping[str, Json]] = {
    "login": {"username": "{{username}}", "password": "{{password}}"},
    "refresh": {"refresh_token": "{{refresh_token}}"},
}
KEEP_TOKENS: Final = (
    "if (pm.response.code === 200) {",
    "  const found = pm.response.json();",
    '  pm.collectionVariables.set("token", found.access_token);',
    '  pm.collectionVariables.set("refresh_token", found.refresh_token);',
    "}",
)


def render_collection(document: Json) -> str:
    """The whole file."""
    folders = defaultdict[str, list[Json]](list)
    found = [(path, method, one) for path, item in document["paths"].items() for method, one in item.items()]
    for path, method, operation in sorted(found, key=lambda one: _turn(*one[:2])):
        folders[operation["tags"][0]].append(_item(document, path, method.upper(), operation))
    collection = {
        "info": {"name": document["info"]["title"], "description": document["info"]["description"], "schema": SCHEMA},
        "variable": [{"key": key, "value": value} for key, value in VARIABLES.items()],
        "item": [
            {"name": tag["name"], "description": tag["description"], "item": folders[tag["name"]]}
            for tag in document["tags"]
        ],
    }
    return json.dumps(collection, indent=1, ensure_ascii=False) + "\n"


def _turn(path: str, method: str) -> int:
    """What ends a thing comes after all that needs it, and only then what brings it back."""
    return 2 if path.endswith("/restore") else int(method == "delete")


def _item(document: Json, path: str, method: str, operation: Json) -> Json:
    body = operation.get("requestBody", {}).get("content", {})
    request = {
        "method": method,
        "description": operation.get("description", operation["summary"]),
        "auth": _auth(operation),
        "header": _headers(operation, body),
        "url": _url(path, operation),
    }
    if body:
        request["body"] = _body(operation["operationId"], body)
    script = _script(document, path, method, operation)
    events = [{"listen": "test", "script": {"type": "text/javascript", "exec": list(script)}}] if script else []
    return {"name": operation["summary"], "request": request, "event": events}


def _auth(operation: Json) -> Json:
    ways = {name for way in operation.get("security", ()) for name in way}
    if "AccessToken" not in ways:
        return {"type": "noauth"}
    return {"type": "bearer", "bearer": [{"key": "token", "value": "{{token}}", "type": "string"}]}


def _headers(operation: Json, body: Json) -> list[Json]:
    ways = {name for way in operation.get("security", ()) for name in way}
    found: list[Json] = []
    if "Tenant" in ways:
        found.append({"key": "X-Tenant-ID", "value": "{{tenant}}"})
    if "PlatformKey" in ways:
        found.append({"key": "X-Platform-Key", "value": "{{platformKey}}"})
    if body and "multipart/form-data" not in body:
        found.append({"key": "Content-Type", "value": next(iter(body))})
    for item in operation.get("parameters", ()):
        if item["name"] == "Idempotency-Key":
            found.append({"key": "Idempotency-Key", "value": "{{$guid}}"})
        elif item["in"] == "header":
            found.append({"key": item["name"], "value": _example(item["schema"]), "disabled": True})
    return found


def _url(path: str, operation: Json) -> Json:
    raw = "{{baseUrl}}" + re.sub(r"{(\w+)}", r"{{\1}}", path)
    query = [
        {
            "key": item["name"],
            "value": _example(item["schema"]),
            "description": item.get("description", ""),
            "disabled": not item.get("required", False),
        }
        for item in operation.get("parameters", ())
        if item["in"] == "query"
    ]
    return {"raw": raw, "host": ["{{baseUrl}}"], "path": raw.split("/")[1:], "query": query}


def _body(operation_id: str, body: Json) -> Json:
    media_type, content = next(iter(body.items()))
    if media_type == JSON:
        example = GIVEN.get(operation_id, content.get("example"))
        return {"mode": "raw", "raw": json.dumps(example, indent=2, ensure_ascii=False)}
    fields = content["schema"].get("properties", {})
    if media_type == "application/x-www-form-urlencoded":
        return {"mode": "urlencoded", "urlencoded": [{"key": name, "value": "{{token}}"} for name in fields]}
    if media_type == "multipart/form-data":
        return {"mode": "formdata", "formdata": [_field(name, schema) for name, schema in fields.items()]}
    example = content.get("example", content["schema"].get("example"))
    return {"mode": "file"} if example is None else {"mode": "raw", "raw": example}


def _field(name: str, schema: Json) -> Json:
    if schema.get("format") == "binary":
        return {"key": name, "type": "file", "src": []}
    return {"key": name, "type": "text", "value": _example(schema)}


def _script(document: Json, path: str, method: str, operation: Json) -> tuple[str, ...]:
    """What is kept of an answer: the tokens; the id of what was created, under the name that paths have for it."""
    if operation["operationId"] in GIVEN:
        return KEEP_TOKENS
    if method != "POST" or "201" not in operation["responses"]:
        return ()
    names = [found[1] for other in document["paths"] if (found := re.fullmatch(rf"{re.escape(path)}/{{(\w+)}}", other))]
    keep = '  pm.collectionVariables.set("{0}", pm.response.json()["{1}"]);'
    lines = [keep.format(name, "id" if name.endswith("_id") else "key") for name in names]
    return ("if (pm.response.code === 201) {", *lines, "}") if names else ()


def _example(schema: Json) -> str:
    options = [schema, *schema.get("anyOf", ())]
    told = [option[name] for option in options for name in ("examples", "enum") if name in option]
    value = told[0][0] if told else schema.get("default", "")
    return value if isinstance(value, str) else json.dumps(value)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render_collection(json.loads(DOCUMENT.read_text(encoding="utf-8"))), encoding="utf-8")
