"""A real node: its own process, a free port, a fresh home."""

import signal
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.e2e.commands import Commands

# A shell that starts the tests in the background lets its children ignore Ctrl-C, and theirs; a user's terminal does not.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def fresh(tmp_path: Path) -> Generator[Commands]:
    """A home of the test's own, with no node."""
    commands = Commands(tmp_path / "home")
    yield commands
    commands.clean_up()


@pytest.fixture(scope="session")
def crofter(tmp_path_factory: pytest.TempPathFactory) -> Generator[Commands]:
    """A node that all tests share; they leave it as they found it."""
    commands = Commands(tmp_path_factory.mktemp("node") / "home")
    commands.run("up", "-d")
    yield commands
    commands.clean_up()
