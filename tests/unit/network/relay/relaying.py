"""A relay on loopback, and clients of it that do whatever a test wants."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from crofter.core import NodeId
from crofter.network import RelayRules, RelayServer, observer_text
from crofter.network.relay.challenge import to_sign
from crofter.trust import Identity, Standing

PATIENCE_SECONDS = 30.0
RELAY = Identity(bytes([99]) * 32)
ONE, OTHER, STRANGER = (Identity(bytes([number]) * 32) for number in (1, 2, 3))


class Relay:
    """A relay and what its owner thinks of others: at first ONE and OTHER are trusted."""

    def __init__(self, *, for_everyone: bool = False, bytes_per_second: int = 1_000_000_000) -> None:
        self.standings: dict[NodeId, Standing] = {ONE.node_id: "trusted", OTHER.node_id: "trusted"}
        rules = RelayRules(
            standing=lambda node_id: self.standings.get(node_id, "stranger"),
            for_everyone=for_everyone,
            bytes_per_second=bytes_per_second,
        )
        self.server = RelayServer(
            RELAY.node_id, ("127.0.0.1:0",), rules, lambda: observer_text(RELAY.node_id, ("127.0.0.1:7412",))
        )

    @property
    def url(self) -> str:
        return f"http://{self.server.addresses[0]}"


@asynccontextmanager
async def serving(relay: Relay) -> AsyncGenerator[Relay]:
    """The relay serves while this is open."""
    with anyio.fail_after(PATIENCE_SECONDS):
        async with anyio.create_task_group() as tasks:
            ready = anyio.Event()

            async def run() -> None:
                await relay.server.run(ready=ready.set)

            tasks.start_soon(run)
            await ready.wait()
            yield relay
            tasks.cancel_scope.cancel()


@asynccontextmanager
async def dialled(relay: Relay, versions: tuple[str, ...] = ("iroh-relay-v2",)) -> AsyncGenerator[ClientConnection]:
    """A WebSocket, nothing said yet; compression is offered, as a browser would."""
    url = relay.url.replace("http", "ws") + "/relay"
    async with connect(url, subprotocols=[Subprotocol(version) for version in versions], close_timeout=0.1) as socket:
        yield socket


@asynccontextmanager
async def client(
    relay: Relay, identity: Identity, versions: tuple[str, ...] = ("iroh-relay-v2",)
) -> AsyncGenerator[ClientConnection]:
    """A proven client."""
    async with dialled(relay, versions) as socket:
        assert await prove(socket, identity) == b"\x02"
        yield socket


async def prove(socket: ClientConnection, identity: Identity, key: Identity | None = None) -> bytes:
    """Answer the challenge as this node, with its own key unless another is given; what the relay says to it."""
    challenge = await received(socket)
    assert challenge[:1] == b"\x00"
    signature = (key or identity)._key.sign(to_sign(challenge[1:]))
    await socket.send(b"\x01" + identity.node_id + b"\x40" + signature)
    return await received(socket)


async def received(socket: ClientConnection) -> bytes:
    frame = await socket.recv()
    assert isinstance(frame, bytes)
    return frame


def datagram(to: Identity, payload: bytes = b"hello") -> bytes:
    return b"\x04" + to.node_id + b"\x00" + payload
