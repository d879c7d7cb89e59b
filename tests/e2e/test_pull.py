"""`crofter pull` from a local server that behaves like the hub, through a real node."""

import json
import os
import signal
import threading
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.e2e.commands import Commands
from tests.fake_hub import FakeFile, FakeHub, FakeRepository
from tests.gguf_files import write_tiny_llama

REPOSITORY = "org/Tiny-GGUF"


@pytest.fixture
def hub(tmp_path: Path) -> Generator[FakeHub]:
    content = write_tiny_llama(tmp_path / "tiny.gguf", hidden=256, layers=4).read_bytes()
    with FakeHub() as running:
        running.repositories[REPOSITORY] = FakeRepository({"Tiny-Q4_K_M.gguf": FakeFile(content)})
        yield running


@pytest.fixture
def node(fresh: Commands, hub: FakeHub, tmp_path: Path) -> Commands:
    for name in (
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "HF_TOKEN",
        "HF_HUB_OFFLINE",
    ):
        fresh.environment.pop(name, None)
    fresh.environment |= {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "hf")}
    return fresh


def names(node: Commands) -> set[str]:
    return {model["name"] for model in node.json("ls")}


def test_a_model_is_pulled_used_and_kept_for_offline(node: Commands, hub: FakeHub) -> None:
    done = node.run("pull", REPOSITORY)
    assert "Q4_K_M" in done.stderr
    assert "license: apache-2.0" in done.stderr
    assert "installed tiny" in done.stderr
    assert node.json("ask", "Hi", "--model", "tiny", "--max-tokens", "3")["usage"]["completion_tokens"] >= 1
    assert REPOSITORY in node.json("show", "tiny")["origin"]
    hub.seen.clear()
    node.environment["CROFTER_OFFLINE"] = "1"
    assert node.json("pull", REPOSITORY)["name"] == "tiny"
    assert "offline" in node.run("pull", "other/model", code=4).stderr
    assert hub.seen == []


def test_terms_that_restrict_are_refused_without_a_terminal_and_taken_with_yes(node: Commands, hub: FakeHub) -> None:
    hub.repositories[REPOSITORY].license = "llama3.1"
    refused = node.run("pull", REPOSITORY, code=4)
    assert "license: llama3.1" in refused.stderr
    assert "--yes" in refused.stderr
    assert names(node) == {"seedling"}
    node.run("pull", REPOSITORY, "--yes", "--name", "mine")
    assert names(node) == {"seedling", "mine"}


@pytest.mark.parametrize("victim", ["command", "node"])
def test_an_interrupted_pull_leaves_nothing_registered_and_goes_on(node: Commands, hub: FakeHub, victim: str) -> None:
    node.run("up", "-d")
    size = len(hub.repositories[REPOSITORY].files["Tiny-Q4_K_M.gguf"].content)
    half, go_on = threading.Event(), threading.Event()

    def hold(sent: int) -> None:
        if sent >= size // 2:
            half.set()
            go_on.wait(30)

    hub.gate = hold
    pulling = node.start("pull", REPOSITORY)
    assert half.wait(30)
    assert pulling.stderr is not None
    while "revision" not in pulling.stderr.readline():
        pass
    if victim == "command":
        pulling.send_signal(signal.SIGINT)
        assert "goes on from there" in pulling.communicate(timeout=30)[1]
        assert pulling.returncode == 130
    else:
        os.kill(node.running()["pid"], signal.SIGKILL)
        pulling.communicate(timeout=30)
        assert pulling.returncode == 3
    hub.gate = lambda sent: None
    go_on.set()
    assert names(node) == {"seedling"}
    node.run("pull", REPOSITORY)
    assert names(node) == {"seedling", "tiny"}
    left = [path for path in (node.home / "models").rglob("*") if path.is_file()]
    assert len({path.parent for path in left}) == 1, "the model's folder and nothing else"


def test_the_catalogue_is_shown_without_asking_anybody(node: Commands, hub: FakeHub) -> None:
    listed = node.json("pull", "--list")
    assert {"chat", "code", "embedding", "vision"} == {item["task"] for item in listed}
    assert sum(item["recommended"] for item in listed) == 4
    assert "qwen3:4b" in node.run("pull", "--list").stdout
    assert hub.seen == []


def test_the_token_of_the_command_opens_a_gated_model_and_is_kept_nowhere(node: Commands, hub: FakeHub) -> None:
    repository = hub.repositories[REPOSITORY]
    repository.gated, repository.allowed_tokens = "manual", {"hf_secret"}
    assert "HF_TOKEN" in node.run("pull", REPOSITORY, "--yes", code=4).stderr
    node.environment["HF_TOKEN"] = "hf_secret"
    assert json.loads(node.run("pull", REPOSITORY, "--yes", "--json").stdout)["name"] == "tiny"
    kept = [path for path in node.home.rglob("*") if path.is_file() and b"hf_secret" in path.read_bytes()]
    assert kept == []
