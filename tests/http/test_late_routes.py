"""Routes that nobody has asked yet."""

from __future__ import annotations

import subprocess
import sys
from copy import copy
from pathlib import Path

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.exceptions import FastAPIError
from httpx import ASGITransport, AsyncClient
from pydantic import BaseModel, ConfigDict

from common.http.late_routes import LateRoute

NOT_YET = """
import main, tools
from tools.notes.schemas import NoteCreate
route = next(one for one in tools.router.routes if one.path == "/tools/notes")
print("dependant" in vars(route), NoteCreate.__pydantic_complete__)
"""


class Word(BaseModel):
    """What is sent."""

    model_config = ConfigDict(defer_build=True)

    text: str


class Words(BaseModel):
    """What comes back."""

    model_config = ConfigDict(defer_build=True)

    words: list[Word]


async def double(word: Word, times: int = 2) -> Words:
    """The word, some times."""
    return Words(words=[word] * times)


def test_an_import_analyses_no_route_and_builds_no_model() -> None:
    root = Path(__file__).parents[2]
    said = subprocess.run([sys.executable, "-c", NOT_YET], cwd=root, check=True, capture_output=True, text=True).stdout

    assert said == "False False\n"


async def test_the_first_request_finds_it_whole() -> None:
    app = FastAPI()
    app.router.route_class = LateRoute
    app.post("/words")(double)
    (route,) = (one for one in app.routes if isinstance(one, LateRoute))
    assert "dependant" not in vars(route)
    assert not Word.__pydantic_complete__

    async with AsyncClient(transport=ASGITransport(app), base_url="http://service.test") as client:
        answers = [await client.post("/words?times=3", json=body) for body in ({"text": "so"}, {"text": 7})]

    assert [one.status_code for one in answers] == [200, 422]
    assert answers[0].json() == {"words": [{"text": "so"}] * 3}
    assert "dependant" in vars(route)


def test_copies_share_one_analysis_and_keep_their_own_path() -> None:
    router = APIRouter(route_class=LateRoute)
    router.post("/words")(double)
    (route,) = router.routes
    moved = copy(route)
    moved.path = "/api/words"  # type: ignore[attr-defined] # a route

    assert moved.dependant is route.dependant  # type: ignore[attr-defined] # routes
    assert moved.path == "/api/words"  # type: ignore[attr-defined] # a route


def test_what_a_route_has_not_it_does_not_look_for() -> None:
    route = LateRoute("/words", double, methods=["POST"], name=None)

    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = route.no_such_thing
    assert "dependant" not in vars(route)


def test_a_mistake_is_told_each_time_a_route_is_asked() -> None:
    route = LateRoute("/words", double, methods=["POST"], name=None, response_model=APIRouter)

    for _ in range(2):
        with pytest.raises(FastAPIError, match="Invalid args for response field"):
            _ = route.dependant
