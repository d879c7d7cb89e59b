"""Two nodes on one network see each other; whoever answers with nonsense, or with too much, is harmless."""

import socket
import sys
from collections.abc import Callable
from typing import get_args

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from zeroconf import ServiceStateChange

from crofter.core import NodeId
from crofter.network import PeerAddress
from crofter.network.discovery import Here, LocalNetwork, Nearby
from crofter.network.discovery.lan import MOST_NEARBY, MOST_WAITING, SERVICE, Announced, understood
from crofter.network.plan import Mode, may_use
from tests.unit.network.discovery.conftest import TAG, node

LOOPBACK = "127.0.0.1"
ONE = node(1)


def here(number: int) -> Here:
    return Here(node(number), TAG, lambda: "machine", lambda _: False)


def name_of(node_id: NodeId) -> str:
    return f"{node_id.hex()[:16]}.{SERVICE}"


def answer(
    node_id: NodeId = ONE, hosts: tuple[str, ...] = ("10.0.0.1",), port: int | None = 4433, **changes: bytes
) -> Announced:
    said = {"v": b"1", "id": node_id.hex().encode(), "net": TAG.hex().encode()} | changes
    properties: dict[bytes, bytes | None] = {key.encode(): value for key, value in said.items()}
    return Announced(b"".join(said.values()), properties, list(hosts), port)


def seen(number: int) -> Nearby:
    return Nearby(node_id=node(number), network=TAG, addresses=("10.0.0.1:4433",))


def test_an_answer_says_who_and_where() -> None:
    everywhere = answer(hosts=("10.0.0.1", "fe80::1", "8.8.8.8", "127.0.0.1", "10.0.0.1", "fe80::1%eth0"))
    assert understood(name_of(node(1)), everywhere, near="lan") == Nearby(
        node_id=node(1), network=TAG, addresses=("10.0.0.1:4433", "[fe80::1]:4433")
    )


@pytest.mark.parametrize(
    "wrong",
    [
        answer(node(2)),
        answer(hosts=()),
        answer(hosts=("8.8.8.8",)),
        answer(hosts=("127.0.0.1",)),
        answer(port=None),
        answer(port=0),
        answer(v=b"2"),
        answer(id=b"no hex"),
        answer(id=b"\xff" * 64),
        answer(net=b"00"),
        answer(more=bytes(5_000)),
        Announced(b"", {}, ["10.0.0.1"], 4433),
        Announced(b"id", {b"id": None, b"net": None, b"v": b"1"}, ["10.0.0.1"], 4433),
    ],
    ids=[
        "id",
        "nowhere",
        "far",
        "here",
        "portless",
        "port 0",
        "version",
        "no hex",
        "no text",
        "tag",
        "huge",
        "empty",
        "no values",
    ],
)
def test_an_answer_that_no_node_gives_is_passed_over(wrong: Announced) -> None:
    assert understood(name_of(node(1)), wrong, near="lan") is None


@given(
    st.dictionaries(st.sampled_from([b"id", b"net", b"v", b"x"]), st.none() | st.binary()),
    st.lists(st.text()),
    st.integers(),
)
def test_no_answer_raises(properties: dict[bytes, bytes | None], hosts: list[str], port: int) -> None:
    assert understood(name_of(node(1)), Announced(b"", properties, hosts, port), near="lan") is None


def heard(network: LocalNetwork, name: str, change: ServiceStateChange = ServiceStateChange.Added) -> None:
    network._heard(None, SERVICE, name, change)  # pyright: ignore[reportArgumentType] -- zeroconf itself is not looked at


def test_thousands_of_names_keep_within_bounds_and_what_is_no_name_of_a_node_never_waits() -> None:
    network = LocalNetwork(here(1), "lan")
    for number in range(3_000):
        heard(network, f"{number:016x}.{SERVICE}")
        heard(network, f"{number:016X}x.{SERVICE}")
    heard(network, name_of(node(1)))
    assert len(network._waiting) == MOST_WAITING
    assert all(name.islower() for name in network._waiting)


def test_thousands_of_nodes_keep_within_bounds_and_the_latest_stay() -> None:
    network = LocalNetwork(Here(node(1), TAG, lambda: "lan", lambda _: False), "lan")
    for number in range(1, 200):
        network._see(name_of(node(number)), answer(node(number)))
    assert network.nearby() == [seen(number) for number in range(200 - MOST_NEARBY, 200)]
    heard(network, name_of(node(199)), ServiceStateChange.Removed)
    assert network.addresses_of(node(199)) is None
    assert network.addresses_of(node(198)) == PeerAddress(node_id=node(198), addresses=("10.0.0.1:4433",))


async def until(happened: Callable[[], bool]) -> None:
    while not happened():  # noqa: ASYNC110 - there is no event for what comes over a real network
        await anyio.sleep(0.02)


def has_multicast() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            member = socket.inet_aton("224.0.0.251") + socket.inet_aton(LOOPBACK)
            probe.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        except OSError:
            return False
    return True


@pytest.mark.anyio
@pytest.mark.parametrize("mode", [mode for mode in get_args(Mode) if not may_use(mode, "mdns")])
async def test_modes_that_forbid_it_open_nothing(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zeroconf", None)  # importing it would fail
    with anyio.fail_after(5):
        await LocalNetwork(here(1), mode).run(lambda: ("127.0.0.1:4433",))


@pytest.mark.anyio
@pytest.mark.skipif(not has_multicast(), reason="this machine lets nobody use multicast on its loopback interface")
async def test_two_nodes_see_each_other_over_real_multicast_and_one_that_leaves_is_gone() -> None:
    one, other = (LocalNetwork(here(number), "lan", [LOOPBACK]) for number in (1, 2))
    leaving = anyio.CancelScope()

    async def stay_for_a_while() -> None:
        with leaving:
            await other.run(lambda: ("127.0.0.1:5002", "8.8.8.8:5002"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one.run, lambda: ("127.0.0.1:5001",))
        tasks.start_soon(stay_for_a_while)
        with anyio.fail_after(30):
            await until(lambda: bool(one.nearby() and other.nearby()))
        assert one.nearby() == [Nearby(node_id=node(2), network=TAG, addresses=("127.0.0.1:5002",))]
        assert other.addresses_of(node(1)) == PeerAddress(node_id=node(1), addresses=("127.0.0.1:5001",))
        leaving.cancel()
        with anyio.fail_after(30):
            await until(lambda: not one.nearby())
        tasks.cancel_scope.cancel()
