"""Several Valkey servers that stand in for each other: a master with its replica and Sentinel, and a Cluster."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from manage.embedded.binaries import valkey_binary
from tests.support.waiting import until

SECRET: Final = "a word / between: servers"
DOWN_AFTER: Final = 500  # milliseconds; a fail-over begins some time after


class Server:
    """One process on a port of the loopback interface."""

    def __init__(self, folder: Path, *options: str, conf: str | None = None) -> None:
        self.port = free_port()
        self._folder = folder / str(self.port)
        self._folder.mkdir()
        self._options = options
        if conf is not None:
            (self._folder / "sentinel.conf").write_text(conf)
        self._conf = [str(self._folder / "sentinel.conf")] if conf is not None else []
        self.start()

    def start(self) -> None:
        """Start it, also again after it was killed, with what lies on its disk."""
        own = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen([str(valkey_binary()), *self._conf, *own, *self._options], stdout=log)

    def kill(self) -> None:
        """It is gone at once."""
        self._process.kill()
        self._process.wait()

    def client(self, password: str | None = None) -> Redis:
        """Straight to this server."""
        return Redis(host="127.0.0.1", port=self.port, password=password, socket_timeout=5)

    async def ask(self, *command: str | int, password: str | None = None) -> object:
        """The answer to one command."""
        async with self.client(password) as client:
            answer: object = await client.execute_command(*command)  # type: ignore[no-untyped-call]
        return answer

    async def until_it_answers(self, password: str | None = None) -> None:
        """Wait for its start."""

        async def answers() -> bool:
            try:
                return await self.ask("PING", password=password) is not None
            except (RedisError, OSError):
                return False

        await until(answers)


def free_port() -> int:
    """A port of the loopback interface whose twin for a Cluster's own talk, 10,000 above, exists."""
    while True:
        with closing(socket.socket()) as found:
            found.bind(("127.0.0.1", 0))
            port = int(found.getsockname()[1])
        if port < 50_000:
            return port


class Group:
    """Servers behind one URL; ``fail_over`` kills a master and waits until another server has taken its place."""

    def __init__(self, url: str, victim: Server, heir: Server, password: str | None = None) -> None:
        self.url = url
        self.victim = victim
        self.heir = heir
        self._password = password

    async def fail_over(self) -> None:
        """Kill the master."""
        self.victim.kill()
        await until(self._is_promoted)

    async def _is_promoted(self) -> bool:
        async with self.heir.client(self._password) as client:
            return bool((await client.info("replication"))["role"] == "master")


@asynccontextmanager
async def sentinel_group() -> AsyncIterator[Group]:
    """A master and its replica, both with a password, and a Sentinel; the URL also names one that is not there."""
    with ExitStack() as running:
        folder = _folder(running)
        options = ["--requirepass", SECRET, "--masterauth", SECRET, "--save", "", "--repl-diskless-sync-delay", "0"]
        master = _started(running, folder, *options)
        await master.until_it_answers(SECRET)
        replica = _started(running, folder, *options, "--replicaof", f"127.0.0.1 {master.port}")
        await replica.until_it_answers(SECRET)
        watched = (
            f"sentinel monitor main 127.0.0.1 {master.port} 1\n"
            f'sentinel auth-pass main "{SECRET}"\n'
            f"sentinel down-after-milliseconds main {DOWN_AFTER}\n"
        )
        sentinel = _started(running, folder, "--sentinel", conf=watched)
        await sentinel.until_it_answers()
        await until(lambda: _has_replica(sentinel, master))
        word = SECRET.replace(" ", "%20").replace("/", "%2F").replace(":", "%3A")
        url = f"redis+sentinel://:{word}@127.0.0.1:{free_port()},127.0.0.1:{sentinel.port}/main/0"
        yield Group(url, master, replica, SECRET)


async def _has_replica(sentinel: Server, master: Server) -> bool:
    """Whether the Sentinel knows it, and it has everything."""
    known = await sentinel.ask("SENTINEL", "REPLICAS", "main")
    async with master.client(SECRET) as client:
        states = await client.info("replication")
    return bool(known) and states.get("slave0", {}).get("state") == "online"


@asynccontextmanager
async def cluster_group() -> AsyncIterator[Group]:
    """Three masters, one of them with a replica."""
    with ExitStack() as running:
        folder = _folder(running)
        options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--save", ""]
        options += ["--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0"]
        masters = [_started(running, folder, *options) for _ in range(3)]
        heir = _started(running, folder, *options)
        for number, server in enumerate([*masters, heir]):
            await server.until_it_answers()
            await server.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for server, (first, last) in zip(masters, ((0, 5460), (5461, 10922), (10923, 16383)), strict=True):
            await server.ask("CLUSTER", "ADDSLOTSRANGE", first, last)
        for server in [*masters[1:], heir]:
            await masters[0].ask("CLUSTER", "MEET", "127.0.0.1", server.port)
        for server in masters:
            await until(partial(_is_whole, server))
        victim = await masters[0].ask("CLUSTER", "MYID")
        assert isinstance(victim, bytes)
        await until(lambda: _knows(heir, victim.decode()))
        await heir.ask("CLUSTER", "REPLICATE", victim.decode())
        async with masters[0].client() as client:
            await until(lambda: _is_followed(client))
        url = "redis+cluster://" + ",".join(f"127.0.0.1:{server.port}" for server in masters)
        yield Group(url, masters[0], heir)


async def _is_whole(server: Server) -> bool:
    return "cluster_state:ok" in str(await server.ask("CLUSTER", "INFO"))


async def _knows(server: Server, node: str) -> bool:
    return node in str(await server.ask("CLUSTER", "NODES"))


async def _is_followed(client: Redis) -> bool:
    return bool((await client.info("replication")).get("slave0", {}).get("state") == "online")


def _folder(running: ExitStack) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="ss-"))
    running.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _started(running: ExitStack, folder: Path, *options: str, conf: str | None = None) -> Server:
    server = Server(folder, *options, conf=conf)
    running.callback(server.kill)
    return server
