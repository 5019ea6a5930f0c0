"""Making and reading tasks through the API."""

from __future__ import annotations

from typing import Any, Final

from tests.support.things import word
from tests.support.world import Api

TASKS: Final = "/tools/tasks"
Item = dict[str, Any]


async def make(api: Api, **fields: object) -> Item:
    """A new task."""
    answer = await api.post(TASKS, json={"title": word(), **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def read(api: Api, task: Item | str) -> Item:
    """A task as it is now."""
    answer = await api.get(f"{TASKS}/{task if isinstance(task, str) else task['id']}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def change(api: Api, task: Item, **fields: object) -> Item:
    """A task with other fields."""
    answer = await api.patch(f"{TASKS}/{task['id']}", json=fields)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def titles(api: Api, **query: object) -> list[str]:
    """The tasks on the first page."""
    answer = await api.get(TASKS, params={"limit": 200, **query})
    assert answer.status_code == 200, answer.text
    return [item["title"] for item in answer.json()["items"]]
