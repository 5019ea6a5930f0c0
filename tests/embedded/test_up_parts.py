"""The pieces of ``manage up`` that are quicker to try alone."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from manage.demo import Address
from manage.kept_secrets import NAMES, kept_secrets
from manage.ports import check_port
from manage.problems import CommandError
from manage.stop_signals import HANDLED, StopRequested, StopSignals


@pytest.fixture
def signals() -> Iterator[StopSignals]:
    """Installed, and taken away again."""
    before = {signum: signal.signal(signum, signal.SIG_DFL) for signum in HANDLED}  # these tests may be under nohup
    installed = StopSignals()
    installed.install()
    yield installed
    for signum, handler in before.items():
        signal.signal(signum, handler)


@pytest.mark.parametrize("signum", HANDLED)
def test_the_first_signal_interrupts_and_the_next_one_hurries(signals: StopSignals, signum: signal.Signals) -> None:
    hurried: list[bool] = []
    signals.on_repeat = lambda: hurried.append(True)
    signals.check()
    with pytest.raises(StopRequested):
        signal.raise_signal(signum)
    assert not hurried
    signal.raise_signal(signum)
    assert hurried == [True]
    with pytest.raises(StopRequested):  # whoever swallowed the first exception does not keep the process alive
        signals.check()


def test_a_hang_up_that_is_ignored_stays_ignored() -> None:
    """The way of nohup."""
    before = {signum: signal.signal(signum, signal.SIG_IGN) for signum in HANDLED}
    try:
        StopSignals().install()
        assert [signum for signum in HANDLED if signal.getsignal(signum) == signal.SIG_IGN] == [signal.SIGHUP]
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def test_nothing_interrupts_a_stop(signals: StopSignals) -> None:
    signals.disarm()
    signal.raise_signal(signal.SIGINT)


def test_secrets_are_made_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(kept_secrets, [tmp_path] * 8))
    assert all(result == results[0] for result in results)
    assert set(results[0]) == set(NAMES)
    assert len(set(results[0].values())) == len(NAMES)
    assert [path.name for path in tmp_path.iterdir()] == ["secrets.env"]


def test_secrets_are_completed_and_kept_private(tmp_path: Path) -> None:
    file = tmp_path / "secrets.env"
    file.write_text("# mine\n\nSECRET_KEY = chosen=by=hand\nPLATFORM_API_KEY=\nOTHER=kept\n")
    file.chmod(0o644)
    secrets = kept_secrets(tmp_path)
    assert secrets["SECRET_KEY"] == "chosen=by=hand"
    assert len(secrets["PLATFORM_API_KEY"]) >= 32
    assert kept_secrets(tmp_path) == secrets
    assert "OTHER=kept" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_port_can_be_used_again_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), pytest.raises(CommandError, match=f"Port {port} is taken"):
            check_port("127.0.0.1", port)
        with pytest.raises(CommandError, match="is taken"):
            check_port("0.0.0.0", port)
    check_port("127.0.0.1", port)


def test_a_foreign_address_is_refused() -> None:
    with pytest.raises(CommandError, match=r"cannot listen on 192\.0\.2\.1: set HOST"):
        check_port("192.0.2.1", 8008)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8008"),
        ("0.0.0.0", "http://127.0.0.1:8008"),
        ("::", "http://[::1]:8008"),
        ("service.example", "http://service.example:8008"),
    ],
)
def test_the_listen_address_becomes_one_for_clients(host: str, url: str) -> None:
    assert Address.of(host, 8008).url == url
