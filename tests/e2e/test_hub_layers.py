"""Layers of a model that was pulled: nodes that may ask the hub get them there, beside the node that pulled it."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.e2e.test_routes import SmallNode
from tests.fake_hub import FakeFile, FakeHub, FakeRepository
from tests.gguf_files import write_tiny_llama

pytestmark = pytest.mark.slow
REPOSITORY = "org/Big-GGUF"
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@pytest.fixture
def hub(tmp_path: Path) -> Generator[FakeHub]:
    path = write_tiny_llama(tmp_path / "big.gguf", layers=9, hidden=512, heads=8, kv_heads=4, context=512, name="Big")
    with FakeHub() as running:
        running.repositories[REPOSITORY] = FakeRepository({"Big-Q4_K_M.gguf": FakeFile(path.read_bytes())})
        yield running


@pytest.fixture
def forbidden() -> Generator[FakeHub]:
    """What a node that may ask no hub would ask."""
    with FakeHub() as running:
        yield running


@pytest.fixture
def swarm(hub: FakeHub, forbidden: FakeHub, tmp_path: Path) -> Generator[SmallNode]:
    """Three that trust each other. The first pulls the model and has room for its ends only; the second may ask no hub."""
    ada = SmallNode(tmp_path / "ada", limit_bytes=100_000_000)
    bob, cleo = SmallNode(tmp_path / "bob"), SmallNode(tmp_path / "cleo")
    nodes = ada, bob, cleo
    for node in nodes:
        node.environment |= dict.fromkeys((*PROXIES, "HF_HUB_OFFLINE"), "")
        node.environment |= {
            "CROFTER_SHARE_FROM_HUB": "true",
            "HF_ENDPOINT": hub.endpoint,
            "HF_HOME": str(tmp_path / "hf"),
            "HF_TOKEN": "hf_secret",
        }
    bob.environment |= {"CROFTER_OFFLINE": "1", "HF_ENDPOINT": forbidden.endpoint}
    for node in nodes:
        node.up()
    for one, other in ((ada, bob), (ada, cleo), (bob, cleo)):
        one.pair(other)
        other.pair(one)
    ada.run("pull", REPOSITORY, "--name", "big")
    yield ada
    for node in nodes:
        node.clean_up()


def test_who_may_ask_the_hub_fetches_layers_there_and_who_may_not_from_peers(
    swarm: SmallNode, hub: FakeHub, forbidden: FakeHub
) -> None:
    hub.seen.clear()
    for _ in range(2):
        answer = swarm.answer("--radius", "trusted")
        assert answer["provenance"]["backend"] == "route"
    [route] = swarm.json("route", "ls")
    assert {stage["node"] for stage in route["stages"]} == {"bob", "cleo"}
    asked = hub.requests("cdn", "GET")
    assert asked
    assert all(request.headers["range"] for request in asked)
    # Another chose what is fetched: nobody's token goes along.
    assert not any("authorization" in request.headers for request in hub.seen)
    assert not forbidden.seen
