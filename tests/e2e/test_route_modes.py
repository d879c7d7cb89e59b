"""How a route is shared out: what stays at home, and who drives it."""

import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from crofter.trust import fingerprint, parse_node_id
from tests.e2e.test_routes import QUESTION, SmallNode, until_offered
from tests.gguf_files import write_tiny_llama

pytestmark = pytest.mark.slow

LAYERS = 14
LIMIT_BYTES = 190_000_000
"""The model alone needs about 215 MB; its ends with a layer 85, a stage of one layer 72."""
GENEROUS_BYTES = 600_000_000


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "big.gguf"
    return write_tiny_llama(path, layers=LAYERS, hidden=512, heads=8, kv_heads=4, context=512, name="Big")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Generator[tuple[SmallNode, SmallNode]]:
    """One with the model, which it has too little memory for, and one with enough for any of its layers."""
    folder = tmp_path_factory.mktemp("pair")
    nodes = SmallNode(folder / "ada", limit_bytes=LIMIT_BYTES), SmallNode(folder / "bob", limit_bytes=GENEROUS_BYTES)
    for node in nodes:
        node.up()
    ada, bob = nodes
    ada.pair(bob)
    bob.pair(ada)
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
        return {
            "tokens": tokens(node),
            "greedy": node.answer("--temperature", "0"),
            "drawn": node.answer("--temperature", "0.9"),
        }
    finally:
        node.clean_up()


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Generator[tuple[SmallNode, SmallNode, SmallNode]]:
    """One with the model, one to help it, and one that has no room for as much as its ends, and trusts the first only at first."""
    folder = tmp_path_factory.mktemp("crowd")
    nodes = tuple(
        SmallNode(folder / name, limit_bytes=limit)
        for name, limit in (("holder", LIMIT_BYTES), ("helper", GENEROUS_BYTES), ("thin", 20_000_000))
    )
    for node in nodes:
        node.up()
    holder, helper, thin = nodes
    for one, other in ((holder, helper), (holder, thin)):
        one.pair(other)
        other.pair(one)
    helper.run("config", "set", "share.answers", "false")
    holder.run("pull", str(model), "--name", "big")
    yield holder, helper, thin
    for node in nodes:
        node.clean_up()


def answered_soon(node: SmallNode) -> dict[str, Any]:
    """Once the nodes have heard of each other."""
    deadline = time.monotonic() + 40
    while True:
        try:
            return node.answer("--temperature", "0", "--radius", "trusted")
        except AssertionError:
            assert time.monotonic() < deadline
            time.sleep(1)


def test_a_node_without_room_for_the_ends_asks_one_that_has_it_to_drive_the_route(
    crowd: tuple[SmallNode, SmallNode, SmallNode], whole: dict[str, Any]
) -> None:
    holder, helper, thin = crowd
    until_offered(thin)
    refused = thin.run("ask", QUESTION, "--model", "big", "--radius", "trusted", code=1).stderr
    assert "pair" in refused
    assert helper.json("route", "ls") == holder.json("route", "ls") == []
    thin.pair(helper)
    helper.pair(thin)
    answer = answered_soon(thin)
    assert answer["text"] == whole["greedy"]["text"]
    provenance = answer["provenance"]
    assert provenance["backend"] == "peer"
    assert provenance["readable_by"] == ["this node", fingerprint(parse_node_id(holder.id))]
    assert provenance["inferable_by"] == [fingerprint(parse_node_id(helper.id))]
    assert thin.json("route", "ls") == []
    assert holder.json("route", "ls")[0]["answers"] >= 1
    refused = thin.run("ask", QUESTION, "--model", "big", "--radius", "trusted", "--readers", "local", code=4).stderr
    assert "would read the prompt" in refused


def tokens(node: SmallNode) -> list[int]:
    headers = {"x-crofter-radius": "trusted"}
    body = {"model": "big", "content": QUESTION}
    reply = httpx2.post(f"{node.running()['url']}/tokenize", json=body, headers=headers, timeout=60)
    assert reply.status_code == 200, reply.text
    return reply.json()["tokens"]


def test_tokens_are_counted_at_home_and_no_route_is_formed_for_that(
    pair: tuple[SmallNode, SmallNode], whole: dict[str, Any]
) -> None:
    ada = pair[0]
    assert tokens(ada) == whole["tokens"]
    assert ada.json("route", "ls") == []


def test_the_first_and_the_last_layers_stay_at_the_requester_from_the_next_answer_on(
    pair: tuple[SmallNode, SmallNode], whole: dict[str, Any]
) -> None:
    ada, bob = pair
    assert ada.answer("--temperature", "0", "--radius", "trusted")["text"] == whole["greedy"]["text"]
    ada.run("config", "set", "route.private_layers", "1")
    answer = ada.answer("--temperature", "0", "--radius", "trusted")
    assert answer["text"] == whole["greedy"]["text"]
    assert ada.answer("--temperature", "0.9", "--radius", "trusted")["text"] == whole["drawn"]["text"]
    assert len(answer["provenance"]["inferable_by"]) == 1
    [route] = ada.json("route", "ls")
    first, other, last = route["stages"]
    assert (first["node"], first["start"], last["node"], last["stop"]) == ("this node", 0, "this node", LAYERS)
    assert other["id"] == bob.id
    assert (first["stop"], other["stop"]) == (other["start"], last["start"])
    assert first["stop"] >= 1
    assert last["start"] == LAYERS - 1
