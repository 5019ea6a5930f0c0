"""Reviews and requests, made through the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.support.post import Letter, PostOffice
from tests.support.probes import owner_connection
from tests.support.problems import problem_of
from tests.support.things import word
from tests.support.world import API, Api, TestTenant

REVIEWS = "/tools/reviews"
REQUESTS = f"{REVIEWS}/requests"
SUBMIT = f"{REVIEWS}/submit"


def at(review: dict[str, Any], action: str = "") -> str:
    """A review's address, or that of something done to it."""
    return f"{REVIEWS}/{review['id']}" + (f"/{action}" if action else "")


async def make(api: Api, **fields: Any) -> dict[str, Any]:
    """A new review."""
    answer = await api.post(REVIEWS, json={"subject_type": "hotel", "subject_id": word(), "rating": 4, **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def act(api: Api, review: dict[str, Any], action: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Moderate a review; answers it."""
    answer = await api.post(at(review, action), json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def summary(api: Api, subject_id: str) -> dict[str, Any]:
    """What a hotel's reviews come to, without its name."""
    answer = await api.get(f"{REVIEWS}/summary", params={"subject_type": "hotel", "subject_id": subject_id})
    assert answer.status_code == 200, answer.text
    body = dict(answer.json())
    assert (body.pop("subject_type"), body.pop("subject_id")) == ("hotel", subject_id)
    return body


async def ids(api: Api, path: str = REVIEWS, **query: Any) -> set[str]:
    """What a list shows of the newest."""
    answer = await api.get(path, params={"limit": 200, "sort": "-created_at", **query})
    assert answer.status_code == 200, answer.text
    return {item["id"] for item in answer.json()["items"]}


async def ask(office: PostOffice, api: Api, **fields: Any) -> tuple[dict[str, Any], Letter]:
    """Ask somebody for a review; answers the request and the mail."""
    body = {"subject_type": "hotel", "subject_id": word(), "reviewer_email": f"{word()}@Post.example", **fields}
    answer = await api.post(REQUESTS, json=body)
    assert answer.status_code == 201, answer.text
    request = answer.json()
    assert answer.headers["Location"] == f"{API}{REQUESTS}/{request['id']}"
    return request, await office.letter(body["reviewer_email"])


def moment(text: str) -> datetime:
    """A time in an answer."""
    return datetime.fromisoformat(text)


async def refused(visitor: Api, token: str, **headers: str) -> None:
    """The link opens nothing, whichever way, and it is not said why."""
    for answer in (
        await visitor.get(f"{SUBMIT}/{token}", headers=headers),
        await visitor.post(f"{SUBMIT}/{token}", json={"rating": 1}, headers=headers),
    ):
        assert problem_of(answer, 400, "token_invalid")["detail"].startswith("The link was used before")


async def expire(office: PostOffice, branch: TestTenant, request: dict[str, Any]) -> None:
    """Its time is over."""
    async with owner_connection(office.config, branch.name) as owner:
        await owner.execute(
            "UPDATE review_requests SET expires_at = now() - interval '1 s' WHERE id = $1", request["id"]
        )
