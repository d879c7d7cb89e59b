"""A real node for programs that are driven from outside."""

from collections.abc import Generator

import pytest

from tests.e2e.commands import Commands

collect_ignore = ["suites"]  # They run in environments of their own.


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Generator[Commands]:
    """A node that all tests here share."""
    commands = Commands(tmp_path_factory.mktemp("node") / "home")
    commands.run("up", "-d")
    yield commands
    commands.clean_up()
