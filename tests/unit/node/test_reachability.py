"""The node asks observers how it is seen, lets peers know, and serves a relay if its owner wants one."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import anyio
import pytest

from crofter.core import NodeId
from crofter.network import (
    PING,
    BindOptions,
    Caller,
    MemoryNetwork,
    Mode,
    NetworkSettings,
    PeerAddress,
    Peers,
    Ping,
    Pong,
    Relays,
    Rules,
)
from crofter.network.memory.network import MemoryEndpoint
from crofter.node import reachability
from crofter.node.reachability import NodeReachability
from crofter.trust import Identity
from tests.unit.network.peering import until

pytestmark = pytest.mark.anyio

ME = Identity(bytes([1]) * 32)
NOBODY = "http://127.0.0.1:1"
OUTSIDE, ELSEWHERE = "10.9.9.9:40001", "10.9.9.9:40002"
SETTINGS = NetworkSettings(mode="private", relays=(NOBODY, NOBODY + "0"))


class Observer:
    """A node that says what a test wants it to see."""

    def __init__(self, number: int) -> None:
        self.identity = Identity(bytes([number]) * 32)
        self.peers = Peers(Rules(mode="private", standing=lambda _: "trusted"), [])
        self.peers.serve(PING, self.answer)
        self.sees = OUTSIDE
        self.asked = 0

    async def answer(self, caller: Caller, _: Ping) -> Pong:
        self.asked += 1
        return Pong(seen_at=self.sees)


class Here:
    """This node, with an observer beside each of two relays."""

    def __init__(self, settings: NetworkSettings = SETTINGS) -> None:
        self.relays = Relays()
        self.relays.follow(settings)
        self.peers = Peers(Rules(mode=settings.mode, standing=lambda _: "trusted"), [self.relays])
        self.own = NodeReachability(ME.node_id, self.peers, self.relays, lambda _: "trusted", lambda: settings)
        self.observers = [Observer(2), Observer(3)]

    async def ask(self) -> None:
        await self.own.ask(self.own_addresses)

    @asynccontextmanager
    async def online(self) -> AsyncGenerator[None]:
        network = MemoryNetwork(public_key=lambda seed: Identity(seed).node_id)
        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:
                members = [(ME, self.peers), *((each.identity, each.peers) for each in self.observers)]
                for identity, peers in members:
                    ready = anyio.Event()
                    tasks.start_soon(partial(peers.run, network, identity.seed, BindOptions(), ready=ready.set))
                    await ready.wait()
                self.own_addresses = self.peers.addresses()
                for url, each in zip(self.relays.urls, self.observers, strict=False):
                    self.relays.observers[url] = where(each.peers)
                yield
                tasks.cancel_scope.cancel()


def where(peers: Peers) -> PeerAddress:
    return PeerAddress(node_id=peers.node_id, addresses=peers.addresses())


async def test_what_both_observers_see_is_announced_and_what_they_do_not_agree_on_is_not() -> None:
    here = Here()
    async with here.online():
        await here.ask()
        status = here.own.status()
        assert (status.nat, status.seen_as, status.observers) == ("mapped", (OUTSIDE,), 2)
        assert set(here.peers.addresses()) == {*here.own_addresses, OUTSIDE}
        here.observers[1].sees = ELSEWHERE
        await here.ask()
        assert here.own.status().nat == "symmetric"
        assert here.peers.addresses() == here.own_addresses


async def test_what_was_seen_last_holds_while_nobody_can_be_asked_and_the_machine_stays_where_it_is() -> None:
    here = Here()
    async with here.online():
        await here.ask()
        for observer in here.observers:
            observer.sees = ""
        await here.ask()
        assert here.own.status().nat == "mapped"
        await here.own.ask(("10.0.0.200:1",))
        assert (here.own.status().nat, here.peers.addresses()) == ("unknown", here.own_addresses)


async def test_an_observer_that_sees_nothing_or_nonsense_counts_for_nothing() -> None:
    here = Here()
    async with here.online():
        here.observers[0].sees, here.observers[1].sees = "", "8.8.8.8:1"
        await here.ask()
        assert (here.own.status().nat, here.own.status().observers) == ("unknown", 0)


async def test_an_observer_that_is_gone_is_looked_up_anew_and_said() -> None:
    here = Here()
    async with here.online():
        here.relays.observers[NOBODY] = PeerAddress(node_id=NodeId(b"x" * 32))
        await here.ask()
        assert NOBODY not in here.relays.observers
        await here.ask()
        status = here.own.status()
        assert (status.nat, status.observers) == ("unknown", 1)
        assert [NOBODY in problem for problem in status.problems] == [True]


async def test_trusted_nodes_that_are_connected_are_asked_where_relays_are_too_few() -> None:
    here = Here(NetworkSettings(mode="private"))
    async with here.online():
        for observer in here.observers:
            here.relays.observers["for now"] = where(observer.peers)
            await here.peers.call(observer.peers.node_id, PING, Ping())
        here.relays.observers.clear()
        await here.ask()
        assert here.own.status().nat == "mapped"
        assert [observer.asked for observer in here.observers] == [2, 2]


async def test_it_asks_at_once_and_again_when_the_machines_addresses_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reachability, "_LOOK_SECONDS", 0.01)
    here = Here()
    async with here.online(), anyio.create_task_group() as tasks:
        tasks.start_soon(here.own.run)
        await until(lambda: here.own.status().nat == "mapped")
        assert [observer.asked for observer in here.observers] == [1, 1]
        endpoint = here.peers._endpoint
        assert isinstance(endpoint, MemoryEndpoint)
        endpoint._addresses = ("10.0.0.200:1",)
        await until(lambda: all(observer.asked == 2 for observer in here.observers))
        await until(lambda: set(here.peers.addresses()) == {"10.0.0.200:1", OUTSIDE})
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize(("mode", "used"), [("private", True), ("lan", True), ("public", True), ("offline", False)])
async def test_relays_are_used_and_served_where_the_mode_has_them(mode: Mode, used: bool) -> None:
    here = Here(NetworkSettings(mode=mode, relays=SETTINGS.relays, relay_listen=("127.0.0.1:0",)))
    assert (bool(here.relays.urls), here.relays.toward(None)) == (used, NOBODY if used else None)
    async with here.online(), anyio.create_task_group() as tasks:
        tasks.start_soon(here.own.run)
        await until(lambda: here.own.status().seen_as != () or not used)
        assert (here.own.status().served is not None) == used
        tasks.cancel_scope.cancel()


def problem(here: Here) -> str:
    served = here.own.status().served
    return served.problem if served else ""


async def test_a_relay_that_cannot_be_served_is_said_and_nothing_else_suffers() -> None:
    here = Here(NetworkSettings(mode="private", relay_listen=("192.0.2.1:1",)))
    async with here.online(), anyio.create_task_group() as tasks:
        tasks.start_soon(here.own.run)
        await until(lambda: "192.0.2.1:1" in problem(here))
        tasks.cancel_scope.cancel()
