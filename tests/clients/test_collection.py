"""The HTTP collection has every operation, and is what the document makes of it."""

from __future__ import annotations

import json
from typing import Any

from manage.collection import DOCUMENT, render_collection
from tests.support.source import ROOT

FILE = ROOT / "clients/http/collection.json"


def test_the_file_is_up_to_date() -> None:
    """When this fails, run ``make openapi``."""
    assert FILE.read_text(encoding="utf-8") == render_collection(json.loads(DOCUMENT.read_text(encoding="utf-8")))


def test_every_operation_is_in_the_folder_of_its_tag() -> None:
    document: dict[str, Any] = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    collection = json.loads(FILE.read_text(encoding="utf-8"))

    told = {(one["tags"][0], one["summary"]) for path in document["paths"].values() for one in path.values()}
    assert {(folder["name"], item["name"]) for folder in collection["item"] for item in folder["item"]} == told


def test_no_secret_is_kept_in_it() -> None:
    variables = {one["key"]: one["value"] for one in json.loads(FILE.read_text(encoding="utf-8"))["variable"]}

    assert [variables[name] for name in ("password", "platformKey", "token", "refresh_token")] == [""] * 4
