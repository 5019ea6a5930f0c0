"""Redis or Valkey: whether it answers, and what it is."""

from __future__ import annotations

import re
from typing import Final

from prometheus_client import CollectorRegistry

from common.cache.redis import RedisCopy
from common.config import Config
from manage.doctor.findings import Finding, ok, warning

INFO: Final = "return redis.call('INFO', 'server')"
VERSION: Final = re.compile(r"^(valkey|redis)_version:(\S+)", re.MULTILINE)


async def examine_redis(config: Config) -> list[Finding]:
    """Nothing depends on it, so nothing about it is an error."""
    if config.redis_address is None:
        mend = "" if config.database_replica_url is None else "the replica is not used without it: set REDIS_URL"
        said = "is not used (REDIS_URL=none)"
        return [warning("redis", said, mend) if mend else ok("redis", said)]
    copy = RedisCopy(config.redis_address, CollectorRegistry())
    try:
        if not await copy.answers():
            mend = "see that it runs and that REDIS_URL is right: without it every process asks PostgreSQL"
            return [warning("redis", "gives no answer", mend)]
        info = await copy.run(INFO, "doctor")
    finally:
        await copy.close()
    versions = dict(VERSION.findall(info or ""))
    if not versions:
        return [warning("redis", "refuses INFO or EVAL", "give the account of REDIS_URL the rights to both")]
    name = "valkey" if "valkey" in versions else "redis"
    return [ok("redis", f"{name.capitalize()} {versions[name]} answers")]
