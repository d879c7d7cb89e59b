"""The node among others, as its owner has it: off at first, people kept with their addresses, a failed start said and survived."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from crofter.api import NewPerson
from crofter.core import CrofterError, ErrorCode
from crofter.node import Home
from crofter.node.administration import NodeAdministration
from crofter.node.config import load_config
from crofter.node.parts import make_parts
from crofter.trust import Identity, fingerprint, readable_id

pytestmark = pytest.mark.anyio
PEER = Identity(bytes(32)).node_id


@asynccontextmanager
async def owned_node(home: Home, **settings: object) -> AsyncGenerator[NodeAdministration]:
    home.prepare()
    flags = {"api.port": 0} | {f"network.{name}": value for name, value in settings.items()}
    loaded = load_config(home.config_file, {}, flags)
    parts = make_parts(home, loaded.config, Identity.make())
    async with parts.engine:
        yield NodeAdministration(parts, loaded, flags)
    parts.database.close()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


async def code_of_ping(node: NodeAdministration, name: str) -> ErrorCode:
    with pytest.raises(CrofterError) as caught:
        await node.network.ping(name)
    return caught.value.code


@asynccontextmanager
async def running(node: NodeAdministration) -> AsyncGenerator[None]:
    """While it tries to be on the network; from when it is, or cannot."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(node.network.presence.run)
        await anyio.lowlevel.checkpoint()
        await settled(node)
        yield
        tasks.cancel_scope.cancel()


async def settled(node: NodeAdministration) -> None:
    with anyio.fail_after(20):
        while node.network.status().state == "starting":  # noqa: ASYNC110 - nothing tells when
            await anyio.sleep(0.01)


async def test_fresh_node_binds_nothing(home: Home) -> None:
    async with owned_node(home) as node, running(node):
        status = node.network.status()
        assert (status.mode, status.state, status.addresses, status.connections) == ("off", "off", (), 0)
        assert await code_of_ping(node, readable_id(PEER)) is ErrorCode.OFFLINE


async def test_who_is_asked_while_off_is_kept_with_addresses_and_the_owner_hears_what_to_do(home: Home) -> None:
    async with owned_node(home) as node:
        asked = await node.people.add(NewPerson(id=readable_id(PEER), addresses=("192.0.2.1:7412",)))
        assert (asked.state, "network.mode" in asked.problem) == ("asked", True)
        [peer] = node.network.peers()
        assert (peer.standing, peer.known_addresses, peer.path) == ("pending", ("192.0.2.1:7412",), "")
    async with owned_node(home) as node:
        assert node.network.peers() == [peer]


async def test_peers_are_named_by_fingerprint_or_id(home: Home) -> None:
    async with owned_node(home) as node:
        assert await code_of_ping(node, fingerprint(PEER)) is ErrorCode.NOT_FOUND
        await node.people.add(NewPerson(id=readable_id(PEER)))
        assert await code_of_ping(node, fingerprint(PEER)) is ErrorCode.OFFLINE
        assert await code_of_ping(node, readable_id(PEER)[:-1]) is ErrorCode.INVALID_REQUEST


@pytest.mark.parametrize("addresses", [("somewhere:1",), ("192.0.2.1",), ("192.0.2.1:99999",)])
async def test_what_is_no_address_is_refused_and_not_kept(home: Home, addresses: tuple[str, ...]) -> None:
    async with owned_node(home) as node:
        with pytest.raises(CrofterError) as caught:
            await node.people.add(NewPerson(id=readable_id(PEER), addresses=addresses))
        assert caught.value.code is ErrorCode.INVALID_REQUEST
        assert node.network.peers() == []


async def test_network_that_cannot_start_is_said_and_ends_nothing_else(home: Home) -> None:
    async with owned_node(home, mode="private", listen=("192.0.2.99:1",)) as node, running(node):
        status = node.network.status()
        assert status.state == "failed"
        assert status.problem


async def test_system_without_the_library_says_so(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: object) -> None:
        raise CrofterError(ErrorCode.UNSUPPORTED, "this system has no network to other nodes")

    monkeypatch.setattr("crofter.network.IrohTransport.load", missing)
    async with owned_node(home, mode="private") as node, running(node):
        assert node.network.status().problem == "this system has no network to other nodes"


async def test_owner_turns_the_network_on_and_off_while_the_node_runs(home: Home) -> None:
    async with owned_node(home) as node, running(node):
        node.change_setting("network.listen", "127.0.0.1:0")
        assert node.network.status().state == "off"
        node.change_setting("network.mode", "lan")
        await settled(node)
        status = node.network.status()
        assert (status.mode, status.state, len(status.addresses)) == ("lan", "ready", 1)
        assert set(status.layers) >= {"cache", "exchange", "mdns"}
        node.change_setting("network.mode", "off")
        assert (node.network.status().state, node.network.status().layers) == ("off", ())
        with anyio.fail_after(5):
            while node.network.status().addresses:  # noqa: ASYNC110 - nothing tells when
                await anyio.sleep(0.01)
        assert await code_of_ping(node, readable_id(PEER)) is ErrorCode.OFFLINE


async def test_a_known_node_has_the_time_of_the_last_contact(home: Home) -> None:
    async with owned_node(home) as node:
        await node.people.add(NewPerson(id=readable_id(PEER)))
        assert [peer.seen_at for peer in node.network.peers()] == [None]
        node._parts.people.seen(PEER)
        assert [peer.seen_at is not None for peer in node.network.peers()] == [True]


async def test_map_has_this_node_and_whom_it_knows(home: Home) -> None:
    async with owned_node(home) as node:
        await node.people.add(NewPerson(id=readable_id(PEER), name="Ada"))
        known = node.network.map()
        assert [(each.name, each.standing) for each in known.nodes] == [("", "self"), ("Ada", "pending")]
        assert known.links == ()
