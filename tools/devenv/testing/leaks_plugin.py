"""A plugin of pytest: a test during which a secret or a customer is logged fails (S11).

Every run of ours names it (``-p tools.devenv.testing.leaks_plugin``).
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

from .leaks import WATCH, refuse


def pytest_configure() -> None:
    """Begin to look, before Odoo is loaded."""
    WATCH.start()


def pytest_unconfigure() -> None:
    """Leave the loggers as they were."""
    WATCH.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """Fail a test during which a canary was logged."""
    result = yield
    refuse(WATCH.take())
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None, object, object]:
    """Do the same for what was logged before and after it."""
    result = yield
    refuse(WATCH.take())
    return result


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run for what was logged after its last test."""
    if WATCH.take():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much was looked at: none would show that nobody looked."""
    terminalreporter.write_line(
        f"{WATCH.looked_at} log records were searched for secrets and customers"
    )
