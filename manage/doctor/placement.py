"""Whether every tenant is on the server where the home's registry has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from common.config import Config
from common.shards import HOME
from manage.doctor.databases import MIGRATE, connected
from manage.doctor.findings import Finding, error, ok, some, warning
from migrations.inspection import Place, list_places


async def examine_placement(config: Config) -> list[Finding]:
    """Of all servers, which all answer."""
    async with connected(config, config.owner_url) as connection:
        home = await list_places(connection)
    there: dict[str, Mapping[str, Place]] = {}
    for shard in config.shards:
        async with connected(config, config.on(shard).owner_url) as connection:
            there[shard] = {place.id: place for place in await list_places(connection)}
    settled = [place for place in home if place.is_settled]
    found = [*_unknown_shards(settled, there), *_missing(settled, there), *_left_over(home, there)]
    if found or not there:
        return found
    return [ok("shards", f"all tenants are where the registry has them, on {len(there) + 1} servers")]


def _unknown_shards(home: Sequence[Place], there: Mapping[str, object]) -> Iterator[Finding]:
    strange = sorted((place.shard, place.id) for place in home if place.shard not in {HOME, *there})
    for shard, places in groupby(strange, key=lambda pair: pair[0]):
        mend = f"name the shard {shard} in DATABASE_SHARDS: these tenants answer 503"
        names = some([name for _, name in places])
        yield error("shards", f"tenants are on {shard}, which is not known here: {names}", mend)


def _missing(home: Sequence[Place], there: Mapping[str, Mapping[str, Place]]) -> Iterator[Finding]:
    for shard, known in there.items():
        about = f"database {shard}"
        placed = [place for place in home if place.shard == shard]
        missing = [place.id for place in placed if place.id not in known]
        if missing:
            mend = "restore a newer backup of that server, or delete the tenants"
            yield error(about, f"lacks tenants that the registry places here: {some(missing)}", mend)
        apart = [place.id for place in placed if place.id in known and known[place.id].revision != place.revision]
        if apart:
            yield error(about, f"has tenants at another revision than the registry: {some(apart)}", MIGRATE)


def _left_over(home: Sequence[Place], there: Mapping[str, Mapping[str, Place]]) -> Iterator[Finding]:
    """Also what is being created just now, whose last commit is at home."""
    places = {place.id: place for place in home}
    for shard, known in there.items():
        left = [name for name in known if _is_left(places.get(name), shard)]
        if left:
            mend = "see python -m manage tenants leftovers"
            yield warning(f"database {shard}", f"has what is left of tenants that are elsewhere: {some(left)}", mend)


def _is_left(place: Place | None, shard: str) -> bool:
    return place is None or (place.is_settled and place.shard != shard)
