"""The suites' own environment, and a real node with a tiny model that goes by the names these suites ask for."""

import os
from collections.abc import Generator

import pytest

from tests.conformance.environment import Environment, prepared
from tests.e2e.commands import Commands
from tests.gguf_files import write_tiny_llama

MODEL_NAMES = (
    "gpt-6-astra",
    "gpt-3.5-turbo-instruct",
    "text-embedding-3-small",
    "claude-opus-5-5",
    "model",
    "model_id",
)


@pytest.fixture(scope="session")
def environment() -> Environment:
    if os.environ.get("CROFTER_OFFLINE"):
        pytest.skip("CROFTER_OFFLINE is set, and these suites are fetched")
    return prepared()


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Generator[Commands]:
    """Short of context, so that answers nobody limits end soon."""
    folder = tmp_path_factory.mktemp("conformance")
    commands = Commands(folder / "home")
    commands.run("up", "-d")
    commands.run("pull", str(write_tiny_llama(folder / "tiny.gguf", context=512)), "--name", MODEL_NAMES[0])
    for name in MODEL_NAMES[1:]:
        commands.run("alias", MODEL_NAMES[0], name)
    yield commands
    commands.clean_up()
