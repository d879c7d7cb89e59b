"""A model that fits on no node alone: a route forms by itself, and the answer is that of one machine."""

import shutil
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.test_network import NetworkNode
from tests.gguf_files import write_tiny_llama
from tests.unit.models.slices.test_adapters import write_adapter

pytestmark = pytest.mark.slow

LIMIT_BYTES = 146_000_000
"""The model alone needs about 165 MB, a stage with half of it about 125."""
QUESTION = "the other one in the house"


class SmallNode(NetworkNode):
    """With little memory for models, all of which others may use."""

    def __init__(self, home: Path, *, limit_bytes: int = LIMIT_BYTES) -> None:
        super().__init__(home)
        self.environment |= {
            "CROFTER_NODE_NAME": home.name,
            "CROFTER_ENGINE_MEMORY_LIMIT_BYTES": str(limit_bytes),
            "CROFTER_SHARE_MEMORY_BYTES": str(limit_bytes),
        }

    def answer(self, *options: str, text: str = QUESTION) -> dict[str, Any]:
        return self.json("ask", text, "--model", "big", "--max-tokens", "24", "--seed", "5", *options)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "big.gguf"
    return write_tiny_llama(path, layers=9, hidden=512, heads=8, kv_heads=4, context=512, name="Big")


@pytest.fixture(scope="module")
def swarm(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Generator[tuple[SmallNode, SmallNode, SmallNode]]:
    """Three that trust each other; the first has the model."""
    folder = tmp_path_factory.mktemp("swarm")
    nodes = SmallNode(folder / "ada"), SmallNode(folder / "bob"), SmallNode(folder / "cleo")
    for node in nodes:
        node.up()
    ada, bob, cleo = nodes
    for one, other in ((ada, bob), (ada, cleo), (bob, cleo)):
        one.pair(other)
        other.pair(one)
    ada.run("pull", str(model), "--name", "big")
    yield nodes
    for node in nodes:
        node.clean_up()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, model: Path) -> dict[str, Any]:
    """What one machine with enough memory answers."""
    node = SmallNode(tmp_path_factory.mktemp("whole") / "dora", limit_bytes=2_000_000_000)
    node.up()
    try:
        node.run("pull", str(model), "--name", "big")
        answers = {"greedy": node.answer("--temperature", "0"), "drawn": node.answer("--temperature", "0.9")}
        assert answers["greedy"]["provenance"]["backend"] == "local"
        return answers
    finally:
        node.clean_up()


def until_offered(node: NetworkNode) -> None:
    deadline = time.monotonic() + 40
    while not any(model["name"] == "big" for model in node.json("ls")):
        assert time.monotonic() < deadline
        time.sleep(0.5)


def until_offers(asker: NetworkNode) -> None:
    """Until the others have said again what they have."""
    deadline = time.monotonic() + 60
    while asker.json("route", "plan", "big")["way"] != "route":
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_three_nodes_together_answer_as_one_machine_does(
    swarm: tuple[SmallNode, SmallNode, SmallNode], whole: dict[str, Any]
) -> None:
    ada, bob, cleo = swarm
    for node in (ada, bob, cleo):
        until_offered(node)
        answer = node.answer("--temperature", "0", "--radius", "trusted")
        assert answer["text"] == whole["greedy"]["text"]
        assert node.answer("--temperature", "0.9", "--radius", "trusted")["text"] == whole["drawn"]["text"]
        provenance = answer["provenance"]
        assert (provenance["backend"], provenance["readable_by"]) == ("route", ["this node"])
        assert provenance["inferable_by"]
    [route] = ada.json("route", "ls")
    assert (route["state"], route["answers"]) == ("ready", 2)
    stages = route["stages"]
    assert [stage["start"] for stage in stages] == [0, *(stage["stop"] for stage in stages[:-1])]
    assert stages[-1]["stop"] == 9
    assert len({stage["id"] for stage in stages}) == len(stages)


def over_http(node: SmallNode, *adapters: tuple[str, float]) -> str:
    """What a node answers under adapters, which commands name none of."""
    body = {
        "model": "big",
        "messages": [{"role": "user", "content": QUESTION}],
        "max_tokens": 24,
        "temperature": 0,
        "lora": [{"name": name, "scale": scale} for name, scale in adapters],
    }
    url, headers = f"{node.running()['url']}/v1/chat/completions", {"x-crofter-radius": "trusted"}
    answer = httpx2.post(url, json=body, headers=headers, timeout=180)
    assert answer.status_code == 200, answer.text
    return answer.json()["choices"][0]["message"]["content"]


def test_an_adapter_of_the_requester_is_applied_at_every_stage(
    swarm: tuple[SmallNode, SmallNode, SmallNode], tmp_path: Path, model: Path
) -> None:
    bob = swarm[1]
    whole = SmallNode(tmp_path / "whole", limit_bytes=2_000_000_000)
    whole.up()
    try:
        whole.run("pull", str(model), "--name", "big")
        for node in (bob, whole):
            write_adapter(node.home / "adapters" / "accent.gguf", 9, width=512)
        until_offered(bob)
        strong, weak = ("accent", 0.1), ("accent", 0.0)
        assert over_http(bob, strong) == over_http(whole, strong)
        assert over_http(bob, weak) == over_http(bob) == over_http(whole)
        assert over_http(bob, strong) != over_http(bob)
    finally:
        whole.clean_up()


def test_it_is_not_split_where_that_was_not_allowed(swarm: tuple[SmallNode, SmallNode, SmallNode]) -> None:
    ada = swarm[0]
    error = ada.run("ask", QUESTION, "--model", "big", code=4).stderr
    assert "needs" in error
    assert "--radius trusted" in error


def test_plans_are_shown_with_their_reason_and_load_nothing(swarm: tuple[SmallNode, SmallNode, SmallNode]) -> None:
    ada = swarm[0]
    assert ada.json("route", "plan", "seedling")["way"] == "here"
    plan = ada.json("route", "plan", "big")
    assert (plan["way"], plan["stages"][-1]["stop"]) == ("route", 9)
    assert "any layer from 1 to 8" in plan["cuts"]


def test_a_route_that_was_let_go_forms_again(swarm: tuple[SmallNode, SmallNode, SmallNode]) -> None:
    ada = swarm[0]
    ada.answer("--radius", "trusted")
    ada.run("route", "rm", "big")
    assert ada.json("route", "ls") == []
    ada.run("route", "show", "big", code=1)
    ada.answer("--radius", "trusted")
    assert ada.json("route", "show", "big")["state"] == "ready"


def test_a_node_that_shares_nothing_still_gives_its_own_layers_to_its_helpers(
    swarm: tuple[SmallNode, SmallNode, SmallNode],
) -> None:
    ada = swarm[0]
    ada.run("share", "off")
    try:
        for node in swarm[1:]:
            node.run("down")
            for folder in ("slices", "parts"):
                shutil.rmtree(node.home / "models" / folder, ignore_errors=True)
            node.up()
        until_offers(ada)
        ada.answer("--radius", "trusted")
    finally:
        ada.run("share", "half")


def test_a_node_that_shares_nothing_holds_no_stage_of_others(
    swarm: tuple[SmallNode, SmallNode, SmallNode],
) -> None:
    ada, bob, cleo = swarm
    for node in (bob, cleo):
        assert node.json("share", "off")["shares"] is False
    try:
        ada.run("route", "rm", "big")
        plan = ada.json("route", "plan", "big")
        assert plan["way"] == "none"
        assert "crofter share" in plan["reason"]
    finally:
        for node in (bob, cleo):
            node.run("share", "half")
