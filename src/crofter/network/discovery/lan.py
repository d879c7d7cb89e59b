"""Nodes on the same local network, by multicast DNS (RFC 6762, 6763): announce this one, listen for others.

Nothing there is signed: what is seen says where to dial, and dialling proves the id. Anybody on the network can announce anything, so
all of it is bounded: how many are kept, how many wait to be looked at, how large one may be. The only file that imports zeroconf.
"""

import logging
import re
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

import anyio
import msgspec

from crofter.core import NODE_ID_BYTES, NodeId
from crofter.network.addresses import Reach, split_address, within_reach
from crofter.network.plan import Mode, may_use
from crofter.network.records import MAXIMUM_ADDRESSES, NETWORK_TAG_BYTES
from crofter.network.transport import PeerAddress

from .cache import Here

if TYPE_CHECKING:
    from zeroconf import ServiceStateChange, Zeroconf
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

_logger = logging.getLogger("crofter.network")

SERVICE = "_crofter._udp.local."
MOST_NEARBY = 64
MOST_WAITING = 64
_VERSION = "1"
_NAME_CHARACTERS = 16
_NAME = re.compile(rf"[0-9a-f]{{{_NAME_CHARACTERS}}}\.{re.escape(SERVICE)}")
_MOST_TEXT_BYTES = 400
_ANSWER_MILLISECONDS = 1_500
_START_SECONDS = 2.0
_BLIND = "this node neither sees nor is seen on the local network"
_LOOK_SECONDS = 2.0
"""How often this node looks whether its own addresses have changed."""


class Nearby(msgspec.Struct, frozen=True, kw_only=True):
    """A node as it was announced: a claim, until a connection proves it."""

    node_id: NodeId
    network: bytes
    """The tag of the network it says it belongs to."""
    addresses: tuple[str, ...]


class Announced(NamedTuple):
    """What came in answer to a question for a name."""

    text: bytes
    properties: dict[bytes, bytes | None]
    hosts: list[str]
    port: int | None


class _Registry(Protocol):
    """The part of AsyncZeroconf whose own types are partly unknown."""

    def async_register_service(
        self, info: "AsyncServiceInfo", *, cooperating_responders: bool
    ) -> Awaitable[Awaitable[object]]: ...
    def async_update_service(self, info: "AsyncServiceInfo") -> Awaitable[Awaitable[object]]: ...


class LocalNetwork:
    """Sees and is seen while `run` runs. `interfaces` are addresses of this machine; none: all it has."""

    def __init__(self, here: Here, mode: Mode, interfaces: Iterable[str] = ()) -> None:
        self._here = here
        self._mode: Mode = mode
        self._interfaces = tuple(interfaces)
        self._nearby: dict[NodeId, Nearby] = {}
        self._waiting: deque[str] = deque()
        self._arrived = anyio.Event()

    def nearby(self) -> list[Nearby]:
        """Those seen, the latest last."""
        return list(self._nearby.values())

    def addresses_of(self, node_id: NodeId) -> PeerAddress | None:
        """Where it says it is."""
        seen = self._nearby.get(node_id)
        return None if seen is None else PeerAddress(node_id=node_id, addresses=seen.addresses)

    async def run(self, own_addresses: Callable[[], tuple[str, ...]]) -> None:
        """Announce this node and listen for others until cancelled; return at once in a mode that forbids it.

        When this machine's addresses change, so do the interfaces. A machine without multicast is said in the log, and is no error:
        there are other ways to be found.
        """
        if not may_use(self._mode, "mdns"):
            return
        from zeroconf import InterfaceChoice, NotRunningException
        from zeroconf.asyncio import AsyncServiceBrowser, AsyncZeroconf

        try:
            service = AsyncZeroconf(interfaces=list(self._interfaces) or InterfaceChoice.All)
        except (OSError, RuntimeError) as error:  # no multicast, or no interface
            _logger.warning(_BLIND, extra={"reason": str(error)})
            return
        try:
            # Cancelled while it waits for this, the library could not be closed any more.
            with anyio.CancelScope(shield=True):
                await service.zeroconf.async_wait_for_start(_START_SECONDS)
            browser = AsyncServiceBrowser(service.zeroconf, SERVICE, handlers=[self._heard])
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._look_at_each, service.zeroconf)
                await self._announce(service, own_addresses)
            await browser.async_cancel()
        except NotRunningException:
            _logger.warning(_BLIND, extra={"reason": "its sockets did not open in time"})
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(2.0):
                await service.async_close()

    async def _announce(self, service: "AsyncZeroconf", own_addresses: Callable[[], tuple[str, ...]]) -> None:
        registry = cast("_Registry", service)
        told: tuple[str, ...] = ()
        while True:
            addresses = tuple(each for each in own_addresses() if within_reach(each, self._near()))
            if addresses and addresses != told:
                if told:
                    await service.async_update_interfaces()
                info = self._announcement(addresses)
                # No probing for the name, which takes over a second: it is of our key, and whoever squats on it changes nothing.
                sending = (
                    registry.async_update_service(info)
                    if told
                    else registry.async_register_service(info, cooperating_responders=True)
                )
                await (await sending)
                told = addresses
            await anyio.sleep(_LOOK_SECONDS)

    def _announcement(self, addresses: tuple[str, ...]) -> "AsyncServiceInfo":
        from zeroconf.asyncio import AsyncServiceInfo

        # One service has one port: that of the first address, and with it the addresses that share it.
        places = [split_address(each) for each in addresses]
        port = places[0][1]
        hosts = [str(ip) for ip, its_port in places if its_port == port]
        name = self._here.own_id.hex()[:_NAME_CHARACTERS]
        # The machine's own name would tell everybody on the network whose it is.
        return AsyncServiceInfo(
            SERVICE,
            f"{name}.{SERVICE}",
            port=port,
            server=f"{name}.local.",
            parsed_addresses=hosts,
            properties={"id": self._here.own_id.hex(), "net": self._here.network.hex(), "v": _VERSION},
        )

    def _heard(self, zeroconf: "Zeroconf", service_type: str, name: str, state_change: "ServiceStateChange") -> None:
        """Called by zeroconf for each name, in this event loop, with these names of arguments."""
        del zeroconf, service_type
        if not _NAME.fullmatch(name) or name.startswith(self._here.own_id.hex()[:_NAME_CHARACTERS]):
            return
        if state_change.name == "Removed":
            # Anybody can say so of anybody; a node that is still there says the contrary within its time to live.
            for node_id in [node_id for node_id in self._nearby if node_id.hex().startswith(name[:_NAME_CHARACTERS])]:
                del self._nearby[node_id]
        elif len(self._waiting) < MOST_WAITING and name not in self._waiting:
            self._waiting.append(name)
            self._arrived.set()

    async def _look_at_each(self, zeroconf: "Zeroconf") -> None:
        from zeroconf.asyncio import AsyncServiceInfo

        while True:
            await self._arrived.wait()
            self._arrived = anyio.Event()
            while self._waiting:
                name = self._waiting.popleft()
                info = AsyncServiceInfo(SERVICE, name)
                if await info.async_request(zeroconf, _ANSWER_MILLISECONDS):
                    answer = Announced(info.text, info.properties, info.parsed_scoped_addresses(), info.port)
                    self._see(name, answer)

    def _see(self, name: str, answer: Announced) -> None:
        seen = understood(name, answer, near=self._near())
        if seen is None or seen.node_id == self._here.own_id:
            return
        self._nearby.pop(seen.node_id, None)
        self._nearby[seen.node_id] = seen
        if len(self._nearby) > MOST_NEARBY:
            del self._nearby[next(iter(self._nearby))]

    def _near(self) -> Reach:
        return "machine" if self._here.reach() == "machine" else "lan"


def understood(name: str, answer: Announced, *, near: Reach) -> Nearby | None:
    """What an answer says of a node, if it is one: its name is the beginning of its id, and it is near. Pure; never raises."""
    properties = answer.properties if len(answer.text) <= _MOST_TEXT_BYTES else {}
    if properties.get(b"v") != _VERSION.encode() or not answer.port:
        return None
    node_id, network = (_bytes_of(properties.get(key)) for key in (b"id", b"net"))
    if (
        len(node_id) != NODE_ID_BYTES
        or len(network) != NETWORK_TAG_BYTES
        or not name.startswith(node_id.hex()[:_NAME_CHARACTERS])
    ):
        return None
    written = (f"[{host}]:{answer.port}" if ":" in host else f"{host}:{answer.port}" for host in answer.hosts)
    addresses = tuple(dict.fromkeys(each for each in written if within_reach(each, near)))[:MAXIMUM_ADDRESSES]
    return Nearby(node_id=NodeId(node_id), network=network, addresses=addresses) if addresses else None


def _bytes_of(written: bytes | None) -> bytes:
    try:
        return bytes.fromhex((written or b"").decode())
    except ValueError:
        return b""
