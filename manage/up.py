"""``python -m manage up``, in other words ``make run``: everything the service needs, then the service.

The only module beside ``common/config.py`` that looks at ``os.environ``: it asks which variables are set, starts a
server for each address that is not, and hands the completed environment to the service.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from subprocess import Popen

from common.config import Config
from manage.demo import Address, create_demo_tenant, demo_lines, wait_until_ready
from manage.embedded import EmbeddedPostgres, EmbeddedValkey
from manage.embedded.postgres import DATABASE
from manage.embedded.process import kill_group, spawn, stop_process
from manage.embedded.server import EmbeddedServer
from manage.kept_secrets import FILE_NAME, NAMES, kept_secrets, new_secret
from manage.listening import QUIETLY, UVICORN
from manage.migrate import last_line
from manage.ports import check_port
from manage.problems import CommandError
from manage.stop_signals import StopRequested, StopSignals
from migrations.everywhere import migrate_all_servers

DEFAULTS = {"ENVIRONMENT": "development", "HOST": "127.0.0.1", "LOG_FORMAT": "console", "DRAIN_SECONDS": "0"}
OTHER_DATABASE_URLS = ("DATABASE_OWNER_URL", "DATABASE_REPLICA_URL", "DATABASE_DIRECT_URL")
GRACE_SECONDS = 25  # for requests in flight; uvicorn itself then ends within the 30 s of the stop plan
HEALTH_SECONDS = 30  # without a sign of life one of several processes is replaced; a busy machine is no reason
STOP_PLAN = ((signal.SIGTERM, 30.0),)
WATCH_SECONDS = 0.2


def run_everything(*, demo: bool) -> None:
    """Start, wait for a stop signal, stop in reverse order. Raises one of ``manage.problems.EXPECTED``."""
    signals = StopSignals()
    signals.install()
    with ExitStack() as running:
        try:
            _start_and_watch(running, signals, demo=demo)
        except StopRequested:
            _say("Stopping; a second Ctrl-C does not wait for requests in flight.")
        finally:
            signals.disarm()
    _say("Everything is stopped.")


def _start_and_watch(running: ExitStack, signals: StopSignals, *, demo: bool) -> None:
    generated = [name for name in NAMES if not _is_set(name)]
    config = _first_look(generated)
    check_port(config.host, config.port)
    data_dir = _writable(config.data_dir.resolve())
    _set({"DATA_DIR": str(data_dir)})
    _set({name: value for name, value in kept_secrets(data_dir).items() if name in generated})
    servers = [*_provide_database(running, data_dir), *_provide_cache(running, data_dir)]
    config = Config.from_environment()
    found = asyncio.run(migrate_all_servers(config, lambda report: _say(last_line(report))))
    for shard, reason in found.lost.items():
        _say(f"shard {shard}: {reason}")
    signals.check()
    service = _start_service(config, running, signals)
    address = Address.of(config.host, config.port)
    if not wait_until_ready(address, lambda: service.poll() is None):
        raise CommandError(_why_not_ready(service))
    _welcome(config, address, generated, demo=demo and config.environment == "development")
    _watch(service, servers, signals)


def _is_set(name: str) -> bool:
    # The configuration cannot tell a variable that was set from a default. Empty counts as unset, as it does there.
    return bool(os.environ.get(name))


def _set(values: dict[str, str]) -> None:
    os.environ.update(values)  # read by Config here and inherited by the service


def _first_look(generated: Sequence[str]) -> Config:
    """Check every variable before anything is created; secrets that will be made are stood in for."""
    _set({name: value for name, value in DEFAULTS.items() if not _is_set(name)})
    _set({name: new_secret() for name in generated})
    config = Config.from_environment()
    for name in OTHER_DATABASE_URLS:
        if _is_set(name) and not _is_set("DATABASE_URL"):
            raise CommandError(
                f"{name} is set but DATABASE_URL is not: set both, or neither to use the embedded server."
            )
    return config


def _writable(data_dir: Path) -> Path:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=data_dir):
            pass
    except OSError as error:
        raise CommandError(f"DATA_DIR {data_dir} cannot be written: {error.strerror}.") from error
    return data_dir


def _provide_database(running: ExitStack, data_dir: Path) -> list[EmbeddedServer]:
    if _is_set("DATABASE_URL"):
        return []
    postgres = EmbeddedPostgres(data_dir / "postgres")
    _say("Starting PostgreSQL …")
    running.enter_context(postgres)
    postgres.create_database(DATABASE)
    _set({"DATABASE_URL": postgres.url(DATABASE)})
    _say(f"PostgreSQL runs; its data is in {postgres.data_dir}")
    return [postgres]


def _provide_cache(running: ExitStack, data_dir: Path) -> list[EmbeddedServer]:
    if any(_is_set(name) for name in ("REDIS_URL", "REDIS_HOST", "REDIS_PORT")):
        return []
    valkey = EmbeddedValkey(data_dir / "valkey")
    running.enter_context(valkey)
    _set({"REDIS_URL": valkey.url})
    _say("Valkey runs")
    return [valkey]


def _start_service(config: Config, running: ExitStack, signals: StopSignals) -> Popen[bytes]:
    _say("Starting the service …")
    options = {
        "--host": config.host,
        "--port": str(config.port),
        "--workers": str(config.workers),
        "--timeout-graceful-shutdown": str(GRACE_SECONDS),
        "--timeout-worker-healthcheck": str(HEALTH_SECONDS),
    }
    arguments = [part for option in options.items() for part in option]
    service = spawn([sys.executable, "-m", *UVICORN, *arguments, *QUIETLY], die_with=signal.SIGTERM)
    running.callback(kill_group, service)  # workers of a service that could not end them itself
    running.callback(stop_process, service, STOP_PLAN)
    signals.on_repeat = partial(kill_group, service)
    return service


def _why_not_ready(service: Popen[bytes]) -> str:
    if (code := service.poll()) is not None:
        return f"The service ended during its start (exit code {code}): its messages above say why."
    return "The service did not become ready within 60 s: GET /readiness says what is missing."


def _welcome(config: Config, address: Address, generated: Sequence[str], *, demo: bool) -> None:
    lines = ["", f"System Service is ready on {address.url}", ""]
    if config.docs_enabled:
        lines.append(f"  API docs      {address.url}/docs")
    if config.environment == "development" and "PLATFORM_API_KEY" in generated:
        lines.append(f"  Platform key  {os.environ['PLATFORM_API_KEY']}   (header X-Platform-Key)")
    if demo:
        lines += _demo(config, address)
    lines += ["", f"  Secrets made here are kept in {config.data_dir / FILE_NAME}."]
    lines.append(f"  Ctrl-C stops everything; data stays in {config.data_dir}.")
    _say("\n".join(lines))


def _demo(config: Config, address: Address) -> list[str]:
    assert config.platform_api_key is not None
    password = os.environ["DEMO_ADMIN_PASSWORD"]
    problem = create_demo_tenant(address, config.platform_api_key.get_secret_value(), password)
    return [f"  {problem}"] if problem else demo_lines(address, password)


def _watch(service: Popen[bytes], servers: Sequence[EmbeddedServer], signals: StopSignals) -> None:
    """Return never: a stop signal or the end of one of the processes raises."""
    while service.poll() is None:
        signals.check()
        for server in servers:
            if not server.is_running:
                raise CommandError(f"{server.title} ended by itself: its log is {server.log_path}.")
        time.sleep(WATCH_SECONDS)
    raise CommandError(f"The service ended by itself (exit code {service.returncode}): its messages above say why.")


def _say(line: str) -> None:
    print(line, flush=True)
