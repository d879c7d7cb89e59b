"""A model at a trusted node: found by its name, answered there, under the rule on who may read the prompt."""

import time
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.e2e.test_network import NetworkNode

pytestmark = pytest.mark.slow

QUESTION = "What is Crofter?"


@pytest.fixture
def nodes(tmp_path: Path) -> Generator[tuple[NetworkNode, NetworkNode]]:
    """The other has a model that the one has not."""
    pair = NetworkNode(tmp_path / "one"), NetworkNode(tmp_path / "other")
    for node in pair:
        node.up()
    one, other = pair
    other.run("quantize", "seedling", "Q5_0", "--requantize", "--name", "tale")
    one.pair(other)
    other.pair(one)
    yield pair
    for node in pair:
        node.clean_up()


def listed(node: NetworkNode, name: str) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if any(model["name"] == name for model in node.json("ls")):
            return True
        time.sleep(0.3)
    return False


def test_a_model_of_a_trusted_node_answers_there(nodes: tuple[NetworkNode, NetworkNode]) -> None:
    one, other = nodes
    assert listed(one, "tale")
    there = one.json("ask", QUESTION, "--model", "tale", "--radius", "trusted", "--seed", "7")
    here = other.json("ask", QUESTION, "--model", "tale", "--seed", "7")
    assert there["text"] == here["text"]
    provenance = there["provenance"]
    assert (provenance["backend"], provenance["radius"]) == ("peer", "trusted")
    assert len(provenance["ran_on"]) == 1
    assert provenance["readable_by"] == ["this node", *provenance["ran_on"]]
    assert provenance["model_id"] == here["provenance"]["model_id"]


def test_a_prompt_goes_to_another_node_only_if_that_was_said(nodes: tuple[NetworkNode, NetworkNode]) -> None:
    one, _ = nodes
    assert listed(one, "tale")
    refused = one.run("ask", QUESTION, "--model", "tale", code=4).stderr
    assert "--radius trusted" in refused
    refused = one.run("ask", QUESTION, "--model", "tale", "--radius", "trusted", "--readers", "local", code=4).stderr
    assert "would read the prompt" in refused


def test_an_owner_can_stop_answering_at_once(nodes: tuple[NetworkNode, NetworkNode]) -> None:
    one, other = nodes
    assert listed(one, "tale")
    other.run("config", "set", "share.answers", "false")
    refused = one.run("ask", QUESTION, "--model", "tale", "--radius", "trusted", code=4).stderr
    assert "share.answers" in refused
