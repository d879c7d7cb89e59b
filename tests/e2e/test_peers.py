"""Two real processes: a peer that is killed, or stands still, is noticed long before QUIC would (30 s)."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator

import anyio
import pytest

from crofter.core import ErrorCode, NodeId
from crofter.network import BindOptions, Connection, IrohTransport, Liveness, PeerAddress

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

_PEER = """
import anyio
from crofter.network import BindOptions, IrohTransport, Liveness

async def main():
    async with IrohTransport().bind(bytes([2]) * 32, BindOptions()) as endpoint, anyio.create_task_group() as tasks:
        print(endpoint.node_id.hex(), *endpoint.addresses(), flush=True)
        while True:
            connection = await endpoint.accept()
            tasks.start_soon(Liveness(connection).run)
            stream = await connection.accept_stream()
            await stream.write(await stream.read(100))

anyio.run(main)
"""


class Peer:
    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", _PEER], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        node_id, *addresses = self.process.stdout.readline().split()
        self.address = PeerAddress(node_id=NodeId(bytes.fromhex(node_id)), addresses=tuple(addresses))

    def signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def end(self) -> None:
        assert self.process.stdout is not None
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def peer() -> Generator[Peer]:
    peer = Peer()
    yield peer
    peer.end()


async def hello(connection: Connection) -> None:
    stream = await connection.open_stream()
    await stream.write(b"hello")
    assert await stream.read(100) == b"hello"


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no such signals")
@pytest.mark.parametrize("how", ["SIGKILL", "SIGSTOP"])
async def test_peer_that_is_gone_is_noticed(peer: Peer, how: str) -> None:
    async with IrohTransport().bind(bytes([1]) * 32, BindOptions()) as endpoint, anyio.create_task_group() as tasks:
        connection = await endpoint.dial(peer.address, 10.0)
        liveness = Liveness(connection)
        tasks.start_soon(liveness.run)
        await hello(connection)
        with liveness.used():
            await anyio.sleep(1.5)  # a beat has been answered
            assert connection.paths()
            peer.signal(getattr(signal, how))
            with anyio.fail_after(15):  # 3.0 s on a quiet machine; without heartbeats it would be 30
                error = await connection.wait_closed()
                assert error.code is ErrorCode.PEER_LOST
                assert "silent" in error.message


async def test_peer_that_stands_still_on_an_unused_connection_is_kept(peer: Peer) -> None:
    async with IrohTransport().bind(bytes([1]) * 32, BindOptions()) as endpoint, anyio.create_task_group() as tasks:
        connection = await endpoint.dial(peer.address, 10.0)
        tasks.start_soon(Liveness(connection).run)
        await hello(connection)
        peer.signal(signal.SIGSTOP)
        await anyio.sleep(5)
        assert connection.paths()
        peer.signal(signal.SIGCONT)
        connection.close()
