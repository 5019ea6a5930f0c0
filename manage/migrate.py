"""``python -m manage migrate``: the system schema and every tenant, upgraded."""

from __future__ import annotations

import asyncio

from common.config import Config
from manage.problems import CommandError
from migrations.everywhere import migrate_all_servers


def migrate() -> None:
    """Upgrade what is behind, a line for each tenant. Raises CommandError when a tenant could not be upgraded."""
    report = asyncio.run(migrate_all_servers(Config.from_environment(), print))
    upgraded, failed = len(report.upgraded), len(report.failed)
    current = report.total - upgraded - failed
    print(f"{report.total} tenants: {upgraded} upgraded, {current} current already, {failed} failed.")
    if failed:
        raise CommandError(
            "The failed tenants answer 503 and the others work; mend what the lines above say, then run this again."
        )
