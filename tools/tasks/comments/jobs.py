"""What the outbox worker does for comments."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from common.outbox.queries import Job
from serving.jobs import find_served_tenant, send_mail
from serving.services import Services
from tools.records.service import get_written
from tools.tasks.comments import queries
from tools.tasks.comments.mentions import may_read
from tools.tasks.kind import TASK

MAX_EXCERPT: Final = 500  # characters of the comment that the mail repeats


async def send_mention(services: Services, job: Job) -> None:
    """Tell somebody that a comment mentions him, if it still does and he may still read it."""
    tenant = await find_served_tenant(services, job)
    if tenant is None:
        return
    comment_id, user_id = UUID(job.payload["comment_id"]), UUID(job.payload["user_id"])
    settings = await services.find_settings(tenant)
    async with services.database.read(tenant) as unit:
        letter = await queries.find_letter(unit, comment_id, user_id)
        if letter is None or not await may_read(unit, tenant.name, user_id, letter.task_id, settings):
            return
        task = await get_written(unit, TASK, letter.task_id)
    body = letter.body if len(letter.body) <= MAX_EXCERPT else letter.body[:MAX_EXCERPT] + "…"
    await send_mail(
        services,
        "task_mention",
        to=letter.email,
        locale=letter.locale,
        name=letter.name,
        author=letter.author,
        title=" ".join(task.title.split()),  # it becomes the subject, which is one line
        body=body,
        link=f"{services.config.app_base_url}/tasks/{task.id}",
    )
