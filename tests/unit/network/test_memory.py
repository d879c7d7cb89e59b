"""Links of the network in memory: late, lossy, cut, and the same every time. Time is virtual here."""

import anyio
import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.network import BindOptions, Conditions, MemoryNetwork
from tests.unit.network.conftest import Pair, address_of, connected, secret

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]


def set_link(network: MemoryNetwork, pair: Pair, conditions: Conditions) -> None:
    network.set_link(pair.one.node_id, pair.other.node_id, conditions)


async def test_bytes_take_as_long_as_the_link_says() -> None:
    network = MemoryNetwork()
    async with connected(network, patience_seconds=1e6) as pair:
        set_link(network, pair, Conditions(delay_seconds=0.25))
        here = await pair.dialled.open_stream()
        started = anyio.current_time()
        await here.write(b"x")
        there = await pair.accepted.accept_stream()
        await there.read(1)
        await there.write(b"y")
        await here.read(1)
        assert anyio.current_time() - started == pytest.approx(0.5)
        assert pair.dialled.paths()[0].round_trip_ms == pytest.approx(500)


async def datagrams_through(seed: int) -> list[int]:
    network = MemoryNetwork(seed=seed)
    async with connected(network, patience_seconds=1e6) as pair:
        set_link(network, pair, Conditions(loss=0.5))
        for number in range(60):
            pair.dialled.send_datagram(bytes([number]))
        got: list[int] = []
        with anyio.move_on_after(1):
            while True:
                got += await pair.accepted.receive_datagram()
        return got


async def test_the_same_seed_loses_the_same_datagrams() -> None:
    assert await datagrams_through(1) == await datagrams_through(1) != await datagrams_through(2)
    assert 15 < len(await datagrams_through(1)) < 45


async def test_streams_lose_time_but_no_bytes() -> None:
    network = MemoryNetwork()
    async with connected(network, patience_seconds=1e6) as pair:
        set_link(network, pair, Conditions(loss=0.5, delay_seconds=0.1))
        here = await pair.dialled.open_stream()
        started = anyio.current_time()
        for number in range(100):
            await here.write(bytes([number]))
        await here.finish()
        there = await pair.accepted.accept_stream()
        data = b""
        while part := await there.read(10):
            data += part
        assert data == bytes(range(100))
        assert anyio.current_time() - started >= 0.3


async def test_partition_holds_streams_and_heals() -> None:
    network = MemoryNetwork()
    async with connected(network, patience_seconds=1e6) as pair:
        here = await pair.dialled.open_stream()
        await here.write(b"before")
        there = await pair.accepted.accept_stream()
        set_link(network, pair, Conditions(up=False))
        await anyio.sleep(1)
        await here.write(b"during")
        pair.dialled.send_datagram(b"lost")
        assert await there.read(100) == b"before"
        with anyio.move_on_after(100) as patience:
            await there.read(100)
        assert patience.cancelled_caught
        set_link(network, pair, Conditions())
        assert await there.read(100) == b"during"
        with anyio.move_on_after(1) as patience:
            await pair.accepted.receive_datagram()
        assert patience.cancelled_caught


async def test_closing_across_a_partition_tells_nobody() -> None:
    network = MemoryNetwork()
    async with connected(network, patience_seconds=1e6) as pair:
        set_link(network, pair, Conditions(up=False))
        pair.dialled.close()
        with anyio.move_on_after(100) as patience:
            await pair.accepted.wait_closed()
        assert patience.cancelled_caught


async def test_dialling_across_a_partition_takes_its_time_and_fails() -> None:
    network = MemoryNetwork()
    async with connected(network, patience_seconds=1e6) as pair:
        set_link(network, pair, Conditions(up=False))
        started = anyio.current_time()
        with pytest.raises(CrofterError) as caught:
            await pair.one.dial(address_of(pair.other), 5.0)
        assert caught.value.code is ErrorCode.PEER_UNREACHABLE
        assert anyio.current_time() - started == pytest.approx(5.0)


async def test_a_stream_more_than_allowed_waits_until_one_is_over() -> None:
    async with connected(MemoryNetwork(), patience_seconds=1e6) as pair:
        streams = [await pair.dialled.open_stream() for _ in range(1024)]
        with anyio.move_on_after(10) as patience:
            await pair.dialled.open_stream()
        assert patience.cancelled_caught
        await streams[0].reset(0)
        await streams[0].stop(0)
        await pair.dialled.open_stream()


async def test_thousand_nodes_fit_one_process() -> None:
    network = MemoryNetwork()
    async with connected(network, patience_seconds=1e6) as pair:
        for number in range(1000):
            async with network.bind(number.to_bytes(32, "big"), BindOptions()) as node:
                connection = await node.dial(address_of(pair.other), 5.0)
                stream = await connection.open_stream()
                await stream.write(node.node_id)
                there = await (await pair.other.accept()).accept_stream()
                assert await there.read(100) == node.node_id


async def test_address_is_free_again_when_a_node_has_left() -> None:
    network = MemoryNetwork()
    async with network.bind(secret(1), BindOptions()) as endpoint:
        addresses = endpoint.addresses()
    async with network.bind(secret(2), BindOptions(addresses=addresses)) as other:
        assert other.addresses() == addresses
