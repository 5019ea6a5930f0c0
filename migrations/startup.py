"""Preparing the database when the service starts, however long that takes."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from common.config import Config
from common.shards import HOME
from migrations.bootstrap import prepare_database
from migrations.errors import DatabaseProblem
from migrations.shards import prepare_shard

RETRY_SECONDS: Final = 1.0

log = structlog.get_logger("service")


class Startup:
    """Prepares a database once it can be reached; meanwhile the process lives and its probe says "not ready", or of a
    shard's, that something is missing."""

    def __init__(self, config: Config, shard: str = HOME) -> None:
        self._config = config
        self._shard = shard
        self.done = not config.migrate_on_start
        self.draining = False

    async def run(self) -> None:
        """Try until it works."""
        while not self.done:
            try:
                await (
                    prepare_database(self._config) if self._shard == HOME else prepare_shard(self._config, self._shard)
                )
            except DatabaseProblem as problem:
                log.error("database_not_prepared", shard=self._shard, reason=str(problem))
                await asyncio.sleep(RETRY_SECONDS)
            else:
                self.done = True
                log.info("database_prepared", shard=self._shard)
