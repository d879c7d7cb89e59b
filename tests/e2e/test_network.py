"""Two real nodes that trust each other, and one that they do not know: words arrive, a death is noticed, strangers get nothing."""

import os
import signal
import socket
import time
from collections.abc import Generator
from pathlib import Path

import anyio
import pytest

from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.network import (
    MESSAGE,
    PING,
    BindOptions,
    IrohTransport,
    PeerAddress,
    Peers,
    Ping,
    Rules,
    TextMessage,
)
from crofter.trust import Identity, parse_node_id
from tests.e2e.commands import Commands

pytestmark = pytest.mark.slow

OTHER_ID = "croft1-8d4z-00xw-k6jz-6c4r-4rgz-5mcd-wdjn-y9th-rh3y-8f36-cpy2-rz6e-mg5s-qanl30"
NOTICED_SECONDS = 15
"""3.5 s on a quiet machine; QUIC alone needs 30."""


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class NetworkNode(Commands):
    """A home whose node is on the network, on loopback only."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.address = f"127.0.0.1:{free_port()}"
        self.environment |= {"CROFTER_NETWORK_MODE": "private", "CROFTER_NETWORK_LISTEN": self.address}

    def up(self) -> None:
        self.run("up", "-d")
        deadline = time.monotonic() + 20
        while (network := self.json("network", "status"))["state"] == "starting" and time.monotonic() < deadline:
            time.sleep(0.1)
        assert (network["state"], network["problem"]) == ("ready", "")
        self.id = network["id"]

    def pair(self, other: "NetworkNode") -> str:
        """Say yes to another node; returns how it stands then."""
        return self.json("pair", other.id, "--at", other.address)["state"]

    def kill(self) -> None:
        os.kill(self.running()["pid"], signal.SIGKILL)


@pytest.fixture
def nodes(tmp_path: Path) -> Generator[tuple[NetworkNode, NetworkNode]]:
    """Two nodes that trust each other."""
    pair = NetworkNode(tmp_path / "one"), NetworkNode(tmp_path / "other")
    for node in pair:
        node.up()
    one, other = pair
    assert (one.pair(other), other.pair(one)) == ("asked", "trusted")
    yield pair
    for node in pair:
        node.clean_up()


def test_nodes_that_trust_each_other_talk(nodes: tuple[NetworkNode, NetworkNode]) -> None:
    one, other = nodes
    ping = one.json("ping", other.id)
    assert (ping["path"], ping["address"], ping["seen_at"]) == ("direct", other.address, one.address)
    assert ping["milliseconds"] > 0
    assert ping["version"]
    assert one.json("ping", ping["fingerprint"])["connect_milliseconds"] is None

    one.run("message", ping["fingerprint"], "Tea\x1b[2J", "at five?")
    [message] = other.json("messages")
    assert (message["id"], message["text"]) == (one.id, "Tea\ufffd[2J at five?")
    assert "at five?" in other.run("messages").stdout
    other.run("message", one.id, "Yes.")
    assert [message["text"] for message in one.json("messages")] == ["Yes."]

    [peer] = one.json("peers")
    assert (peer["standing"], peer["path"], peer["known_addresses"]) == ("trusted", "direct", [other.address])
    status = other.json("network", "status")
    assert status["connections"] == 1
    assert {"kind": "message", "direction": "in", "outcome": "ok", "count": 1} in status["traffic"]


def test_death_of_a_peer_is_noticed_and_its_return_too(nodes: tuple[NetworkNode, NetworkNode]) -> None:
    one, other = nodes
    one.run("ping", other.id)
    other.kill()
    began = time.monotonic()
    failed = one.run("ping", other.id, code=1)
    assert time.monotonic() - began < NOTICED_SECONDS
    assert "silent" in failed.stderr
    assert one.json("peers")[0]["fingerprint"] in failed.stderr
    [peer] = one.json("peers")
    assert peer["path"] == ""
    assert "did not answer" in one.run("message", other.id, "Are you there?", code=1).stderr

    other.up()
    assert one.json("ping", other.id)["path"] == "direct"
    other.run("message", one.id, "I am back.")
    assert one.json("messages")[-1]["text"] == "I am back."


def test_strangers_get_nothing_but_an_echo(nodes: tuple[NetworkNode, NetworkNode]) -> None:
    """One that does not keep to the rules itself: it takes everybody for a friend."""
    known, _ = nodes
    known_id = parse_node_id(known.id)

    class Book:
        def addresses_of(self, node_id: NodeId) -> PeerAddress:
            return PeerAddress(node_id=node_id, addresses=(known.address,))

    async def intrude() -> None:
        stranger = Peers(Rules(mode="private", standing=lambda _: "trusted"), [Book()])
        async with anyio.create_task_group() as tasks:
            ready = anyio.Event()

            async def run() -> None:
                await stranger.run(IrohTransport(), Identity.make().seed, BindOptions(), ready=ready.set)

            tasks.start_soon(run)
            await ready.wait()
            assert (await stranger.call(known_id, PING, Ping())).version == ""
            with pytest.raises(CrofterError) as refused:
                await stranger.call(known_id, MESSAGE, TextMessage(message_id=bytes(16), text="Let me in."))
            assert refused.value.code is ErrorCode.PEER_REFUSED
            tasks.cancel_scope.cancel()

    anyio.run(intrude)
    assert known.json("messages") == []
    traffic = known.json("network", "status")["traffic"]
    assert {"kind": "message", "direction": "in", "outcome": "peer_refused", "count": 1} in traffic


def test_friend_who_was_forgotten_while_away_learns_it(nodes: tuple[NetworkNode, NetworkNode]) -> None:
    one, other = nodes
    other.run("down")
    one.run("peers", "forget", other.id)
    other.up()
    refused = other.run("message", one.id, "Still friends?", code=1)
    assert "refused" in refused.stderr
    assert one.json("messages") == []
    assert other.json("ping", one.id)["version"] == ""


def test_fresh_node_is_not_on_the_network(fresh: Commands) -> None:
    fresh.run("up", "-d")
    status = fresh.json("network", "status")
    assert (status["mode"], status["state"], status["addresses"]) == ("off", "off", [])
    assert "not on the network" in fresh.run("ping", status["id"], code=4).stderr
    assert "network.mode" in fresh.run("pair", OTHER_ID).stderr


def test_taken_address_is_said_and_the_node_works(tmp_path: Path) -> None:
    one, other = NetworkNode(tmp_path / "one"), NetworkNode(tmp_path / "other")
    other.environment["CROFTER_NETWORK_LISTEN"] = one.address
    try:
        one.up()
        other.run("up", "-d")
        deadline = time.monotonic() + 20
        while (status := other.json("network", "status"))["state"] == "starting" and time.monotonic() < deadline:
            time.sleep(0.1)
        assert status["state"] == "failed"
        assert "taken" in status["problem"]
        assert other.json("status")["installed_models"] == 1
    finally:
        one.clean_up()
        other.clean_up()
