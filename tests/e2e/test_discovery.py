"""Two real nodes on one local network, which is this machine's loopback: they see each other, pair by a code alone, and return."""

import re
import subprocess
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from tests.e2e.test_network import NetworkNode

pytestmark = pytest.mark.slow
PATIENCE_SECONDS = 20


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture
def nodes(tmp_path: Path) -> Generator[tuple[NetworkNode, NetworkNode]]:
    pair = NetworkNode(tmp_path / "one"), NetworkNode(tmp_path / "other")
    for node in pair:
        node.environment["CROFTER_NETWORK_MODE"] = "lan"
        node.up()
    yield pair
    for node in pair:
        node.clean_up()


def shown_code(node: NetworkNode) -> tuple[subprocess.Popen[str], str]:
    process = node.start("pair", "--code")
    assert process.stdout is not None
    code = process.stdout.readline().strip()
    assert re.fullmatch(r"\d{4}-\d{4}-\d{4}", code)
    return process, code


def test_nodes_on_one_network_see_each_other_and_pair_by_a_code_alone(nodes: tuple[NetworkNode, NetworkNode]) -> None:
    one, other = nodes
    until(lambda: [seen["id"] for seen in one.json("peers", "nearby")] == [other.id])
    until(lambda: [seen["addresses"] for seen in other.json("peers", "nearby")] == [[one.address]])

    process, code = shown_code(one)
    with process:
        assert other.json("pair", code)["state"] == "trusted"
        assert process.wait(PATIENCE_SECONDS) == 0
    until(lambda: [peer["path"] for peer in other.json("peers")] == ["direct"])
    assert one.json("ping", other.id)["address"] == other.address
    known = other.json("network", "map")
    assert [(node["standing"], node["near"]) for node in known["nodes"]] == [("self", True), ("trusted", True)]
    assert [(link["target"], link["path"]) for link in known["links"]] == [(one.id, "direct")]
    assert "mdns" in one.json("network", "status")["layers"]
    assert "direct" in other.run("network", "map").stdout

    # Without the local network: by what it remembers.
    other.environment["CROFTER_NETWORK_MODE"] = "private"
    other.run("down")
    other.up()
    until(lambda: [peer["path"] for peer in other.json("peers")] == ["direct"])
    assert other.json("peers", "nearby") == []
    assert "network.mode lan" in other.run("peers", "nearby").stderr
