"""Several machines on one: skipped with the reason where that is not allowed."""

import datetime as dt
import os
import platform
from collections.abc import Callable, Generator
from importlib.metadata import version

import pytest

from tests.hosts.namespaces import sweep, why_not
from tests.hosts.topology import Networks

Measured = Callable[[str], None]

_MEASURED = pytest.StashKey[list[str]]()


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Measured:
    """Takes figures, which are shown at the end of the run; no test passes or fails by them."""
    figures = request.config.stash.setdefault(_MEASURED, [])
    return lambda figure: figures.append(f"{request.node.name}: {figure}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if figures := terminalreporter.config.stash.get(_MEASURED, []):
        terminalreporter.section("measured between machines")
        terminalreporter.line(
            f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC; {os.cpu_count()} cores, Linux {platform.release()}, "
            f"iroh {version('iroh')}; load average {os.getloadavg()[0]:.2f}"
        )
        for figure in figures:
            terminalreporter.line(figure)


@pytest.fixture(scope="session")
def allowed() -> None:
    if reason := why_not():
        pytest.skip(reason)
    sweep()


@pytest.fixture
def networks(allowed: None) -> Generator[Networks]:
    with Networks() as made:
        yield made
