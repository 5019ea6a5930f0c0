"""Reviews and requests, made through the API."""

from __future__ import annotations

from typing import Any

from tests.support.things import word
from tests.support.world import Api

REVIEWS = "/tools/reviews"
REQUESTS = f"{REVIEWS}/requests"


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
