"""What every test process does before its first test. The fixtures are in ``tests.support.fixtures``."""

from __future__ import annotations

import gc
import sys

import pytest

# The contracts' assertions explain themselves like those of a test file.
pytest.register_assert_rewrite("tests.support.contracts")

# httpx looks for it at each request, through the whole path: knowing at once that it is not there saves 0.2 ms each.
sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]


def pytest_configure(config: pytest.Config) -> None:
    """Bring the fixtures, and with them the application, to whoever runs tests.

    The process that only hands the tests out to others (xdist's controller) goes without: they would all wait for its
    import of the application before they begin their own.
    """
    if config.getoption("dist", "no") == "no" or hasattr(config, "workerinput"):
        config.pluginmanager.import_plugin("tests.support.fixtures")
        gc.disable()  # until the tests are collected: nothing of it is garbage, and looking for some costs a seventh


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what lives as long as the process: modules, models and thousands of tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)
    gc.enable()
