"""What every transport promises."""

from collections.abc import Awaitable, Callable

import anyio
import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.network import BindOptions, Connection, PeerAddress, Stream, StreamClosedError, Transport
from tests.unit.network.conftest import PATIENCE_SECONDS, Pair, address_of, connected, secret
from tests.unit.network.peering import until

pytestmark = pytest.mark.anyio

KIB, MIB = 1024, 1024 * 1024


async def read_all(stream: Stream) -> bytes:
    data = bytearray()
    while part := await stream.read(256 * KIB):
        data += part
    return bytes(data)


async def echo(connection: Connection) -> None:
    """Answer every stream with what it brings, until the connection is closed."""

    async def answer(stream: Stream) -> None:
        while part := await stream.read(256 * KIB):
            await stream.write(part)
        await stream.finish()

    async with anyio.create_task_group() as tasks:
        try:
            while True:
                tasks.start_soon(answer, await connection.accept_stream())
        except CrofterError:
            tasks.cancel_scope.cancel()


async def ask(connection: Connection, data: bytes) -> bytes:
    """Send it all and read all that comes back, both at once."""
    stream = await connection.open_stream()

    async def send() -> None:
        await stream.write(data)
        await stream.finish()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send)
        return await read_all(stream)
    raise AssertionError


async def refusal(call: Callable[[], Awaitable[object]]) -> CrofterError:
    with pytest.raises(CrofterError) as caught:
        await call()
    return caught.value


async def write_on(stream: Stream) -> None:
    """More than any window takes."""
    for _ in range(100_000):
        await stream.write(b"x" * KIB)


async def streams(pair: Pair) -> tuple[Stream, Stream]:
    """Both ends of a stream; its first byte has been sent and read."""
    here = await pair.dialled.open_stream()
    await here.write(b"!")
    there = await pair.accepted.accept_stream()
    assert await there.read(1) == b"!"
    return here, there


async def test_each_side_knows_who_the_other_is(transport: Transport) -> None:
    async with connected(transport) as pair:
        assert pair.dialled.remote_id == pair.other.node_id
        assert pair.accepted.remote_id == pair.one.node_id
        assert len({pair.one.node_id, pair.other.node_id}) == 2


async def test_the_same_secret_is_the_same_node(transport: Transport) -> None:
    async with transport.bind(secret(1), BindOptions()) as endpoint:
        before = endpoint.node_id
    async with transport.bind(secret(1), BindOptions()) as endpoint:
        assert endpoint.node_id == before


@pytest.mark.parametrize("size_bytes", [0, 1, 16 * KIB, MIB, 8 * MIB])
async def test_payload_comes_back_byte_for_byte(transport: Transport, size_bytes: int) -> None:
    data = (bytes(range(256)) * (size_bytes // 256 + 1))[:size_bytes]
    async with connected(transport) as pair, anyio.create_task_group() as tasks:
        tasks.start_soon(echo, pair.accepted)
        assert await ask(pair.dialled, data) == data
        pair.dialled.close()


async def test_bytes_may_come_from_any_buffer(transport: Transport) -> None:
    async with connected(transport) as pair:
        here, there = await streams(pair)
        await here.write(bytearray(b"ab"))
        await here.write(memoryview(b"xcdx")[1:3])
        await here.finish()
        assert await read_all(there) == b"abcd"


async def test_accepted_side_may_open_streams_too(transport: Transport) -> None:
    async with connected(transport) as pair, anyio.create_task_group() as tasks:
        tasks.start_soon(echo, pair.dialled)
        assert await ask(pair.accepted, b"hello") == b"hello"
        pair.accepted.close()


async def test_finished_side_still_reads(transport: Transport) -> None:
    async with connected(transport) as pair:
        here, there = await streams(pair)
        await here.finish()
        assert await there.read(1) == b""
        await there.write(b"still here")
        await there.finish()
        assert await read_all(here) == b"still here"
        assert await here.read(1) == b""
        await there.finish()


async def test_nothing_is_written_after_the_end(transport: Transport) -> None:
    async with connected(transport) as pair:
        here, _ = await streams(pair)
        await here.finish()
        assert (await refusal(lambda: here.write(b"x"))).code is ErrorCode.STREAM_CLOSED


async def test_reset_reaches_the_reader_with_its_code(transport: Transport) -> None:
    async with connected(transport) as pair:
        here, there = await streams(pair)
        await here.reset(7)
        with pytest.raises(StreamClosedError) as caught:
            await there.read(1)
        assert caught.value.reset_code == 7
        await there.write(b"the other way is open")
        assert await here.read(100) == b"the other way is open"


async def test_stop_ends_the_writer(transport: Transport) -> None:
    async with connected(transport) as pair:
        here, there = await streams(pair)
        await there.stop(9)
        error = await refusal(lambda: write_on(here))
        assert isinstance(error, StreamClosedError)
        assert error.reset_code == 9
        await here.finish()


@pytest.mark.parametrize("after_a_cancelled_read", [False, True])
async def test_closed_stream_ends_what_was_said_and_stops_what_is_not_read(
    transport: Transport, after_a_cancelled_read: bool
) -> None:
    async with connected(transport) as pair:
        here, there = await streams(pair)
        if after_a_cancelled_read:
            with anyio.move_on_after(0.01):
                await there.read(1)
        await there.write(b"all of it")
        await there.close()
        assert await read_all(here) == b"all of it"
        error = await refusal(lambda: write_on(here))
        assert isinstance(error, StreamClosedError)
        assert error.reset_code == 0


async def test_closing_a_stream_twice_does_no_harm(transport: Transport) -> None:
    async with connected(transport) as pair:
        here, there = await streams(pair)
        for _ in range(2):
            await here.reset(1)
            await here.stop(1)
            await there.stop(1)
            await there.reset(1)


async def test_reading_what_was_stopped_is_an_error(transport: Transport) -> None:
    async with connected(transport) as pair:
        here, _ = await streams(pair)
        await here.stop(1)
        with pytest.raises(StreamClosedError) as caught:
            await here.read(1)
        assert caught.value.reset_code is None


async def test_cancelled_read_loses_nothing(transport: Transport) -> None:
    async with connected(transport) as pair:
        here, there = await streams(pair)
        with anyio.move_on_after(0.01) as patience:
            await there.read(1)
        assert patience.cancelled_caught
        await here.write(b"after")
        assert await there.read(100) == b"after"


async def test_cancelled_consumer_stops_the_producer(transport: Transport) -> None:
    errors: list[CrofterError] = []

    async def produce(stream: Stream) -> None:
        errors.append(await refusal(lambda: write_on(stream)))

    async with connected(transport) as pair:
        here, there = await streams(pair)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(produce, there)
            for _ in range(10):
                assert await here.read(KIB)
            await here.stop(3)
    assert [error.code for error in errors] == [ErrorCode.STREAM_CLOSED]


async def test_writer_waits_for_a_reader_who_does_not_read(transport: Transport) -> None:
    async with connected(transport) as pair:
        here, there = await streams(pair)
        with anyio.move_on_after(0.5) as patience:
            for _ in range(1024):
                await here.write(bytes(MIB))
        assert patience.cancelled_caught
        await there.stop(0)


async def test_drained_stream_survives_the_end_of_the_connection(transport: Transport) -> None:
    received: list[bytes] = []
    async with connected(transport) as pair, anyio.create_task_group() as tasks:
        here, there = await streams(pair)

        async def receive() -> None:
            received.append(await read_all(there))

        tasks.start_soon(receive)
        await here.write(b"x" * MIB)
        await here.finish()
        await here.drain()
        pair.dialled.close()
    assert received == [b"x" * MIB]


async def test_two_hundred_streams_at_once(transport: Transport) -> None:
    answers: dict[int, bytes] = {}

    async def one(number: int) -> None:
        answers[number] = await ask(pair.dialled, f"stream {number}".encode() * 100)

    async with connected(transport) as pair, anyio.create_task_group() as tasks:
        tasks.start_soon(echo, pair.accepted)
        async with anyio.create_task_group() as asking:
            for number in range(200):
                asking.start_soon(one, number)
        pair.dialled.close()
    assert answers == {number: f"stream {number}".encode() * 100 for number in range(200)}


async def test_streams_are_independent(transport: Transport) -> None:
    async with connected(transport) as pair:
        here, there = await streams(pair)
        other_here, other_there = await streams(pair)
        await other_here.set_priority(10)
        await here.reset(1)
        await other_here.write(b"unmoved")
        assert await other_there.read(100) == b"unmoved"
        with pytest.raises(StreamClosedError):
            await there.read(1)


async def test_everything_that_waits_ends_when_the_peer_closes(transport: Transport) -> None:
    codes: list[ErrorCode] = []

    async def waits(call: Callable[[], Awaitable[object]]) -> None:
        codes.append((await refusal(call)).code)

    async with connected(transport) as pair:
        here, _ = await streams(pair)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(waits, lambda: here.read(1))
            tasks.start_soon(waits, pair.dialled.accept_stream)
            tasks.start_soon(waits, pair.dialled.receive_datagram)
            await anyio.wait_all_tasks_blocked()
            pair.accepted.close()
        tasks_after = [pair.dialled.open_stream, lambda: here.write(b"x"), lambda: here.read(1)]
        codes += [(await refusal(call)).code for call in tasks_after]
        assert (await pair.dialled.wait_closed()).code is ErrorCode.PEER_LOST
        with pytest.raises(CrofterError, match="peer"):
            pair.dialled.send_datagram(b"x")
    assert codes == [ErrorCode.PEER_LOST] * 6


async def test_own_close_gives_its_reason_to_all_who_wait(transport: Transport) -> None:
    async with connected(transport) as pair:
        here, _ = await streams(pair)
        errors: list[CrofterError] = []

        async def waits() -> None:
            errors.append(await refusal(lambda: here.read(1)))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(waits)
            await anyio.wait_all_tasks_blocked()
            pair.dialled.close(CrofterError(ErrorCode.PEER_LOST, "silent for too long"))
        assert [error.message for error in errors] == ["silent for too long"]
        assert (await pair.accepted.wait_closed()).code is ErrorCode.PEER_LOST
        assert pair.dialled.paths() == ()


async def test_refused_node_is_told(transport: Transport) -> None:
    async with connected(transport) as pair:
        pair.accepted.close(CrofterError(ErrorCode.PEER_REFUSED, "a stranger"))
        error = await pair.dialled.wait_closed()
        assert error.code is ErrorCode.PEER_REFUSED
        assert "a stranger" not in error.message


async def test_stranger_never_gets_a_stream(transport: Transport) -> None:
    with anyio.fail_after(PATIENCE_SECONDS):
        async with (
            transport.bind(secret(1), BindOptions()) as stranger,
            transport.bind(secret(2), BindOptions(admit=lambda _: False)) as other,
        ):

            async def intrude() -> None:
                connection = await stranger.dial(address_of(other), 5.0)
                stream = await connection.open_stream()
                await stream.write(b"let me in")
                await stream.read(1)

            assert (await refusal(intrude)).code is ErrorCode.PEER_REFUSED
            with anyio.move_on_after(0.05) as patience:
                await other.accept()
            assert patience.cancelled_caught


async def test_full_node_refuses(transport: Transport) -> None:
    async with (
        connected(transport, BindOptions(maximum_connections=1)) as pair,
        transport.bind(secret(3), BindOptions()) as third,
    ):

        async def come_in() -> None:
            connection = await third.dial(address_of(pair.other), 5.0)
            raise await connection.wait_closed()

        assert (await refusal(come_in)).code is ErrorCode.PEER_REFUSED
        pair.dialled.close()
        await pair.accepted.wait_closed()
        now_there_is_room = await third.dial(address_of(pair.other), 5.0)  # a forgotten connection is closed
        assert (await pair.other.accept()).remote_id == third.node_id
        now_there_is_room.close()


async def test_another_node_at_the_address_is_not_taken_for_the_peer(transport: Transport) -> None:
    async with connected(transport) as pair, transport.bind(secret(3), BindOptions()) as third:
        wrong = PeerAddress(node_id=pair.one.node_id, addresses=pair.other.addresses())
        error = await refusal(lambda: third.dial(wrong, 5.0))
        assert error.code is ErrorCode.PEER_UNREACHABLE
        assert "another node" in error.message


SECRET, OTHER_SECRET = bytes([7]) * 32, bytes([8]) * 32


@pytest.mark.parametrize(("ours", "theirs"), [(SECRET, OTHER_SECRET), (SECRET, b""), (b"", SECRET)])
async def test_nodes_of_different_networks_cannot_connect(transport: Transport, ours: bytes, theirs: bytes) -> None:
    with anyio.fail_after(PATIENCE_SECONDS):
        async with (
            transport.bind(secret(1), BindOptions(network_secret=ours)) as one,
            transport.bind(secret(2), BindOptions(network_secret=theirs)) as other,
        ):
            error = await refusal(lambda: one.dial(address_of(other), 5.0))
            assert error.code is ErrorCode.PEER_UNREACHABLE
            assert "another network" in error.message
            with anyio.move_on_after(0.05) as patience:
                await other.accept()
            assert patience.cancelled_caught


async def test_nodes_that_share_a_secret_connect(transport: Transport) -> None:
    with anyio.fail_after(PATIENCE_SECONDS):
        async with (
            transport.bind(secret(1), BindOptions(network_secret=SECRET)) as one,
            transport.bind(secret(2), BindOptions(network_secret=SECRET)) as other,
        ):
            dialled = await one.dial(address_of(other), 5.0)
            assert (await other.accept()).remote_id == one.node_id
            wrong = PeerAddress(node_id=one.node_id, addresses=other.addresses())
            async with transport.bind(secret(3), BindOptions(network_secret=SECRET)) as third:
                assert (await refusal(lambda: third.dial(wrong, 5.0))).code is ErrorCode.PEER_UNREACHABLE
            assert dialled.paths()


def test_options_do_not_show_the_secret() -> None:
    assert repr(SECRET) not in repr(BindOptions(network_secret=SECRET))


@pytest.mark.parametrize("addresses", [(), ("127.0.0.1:9",), ("nonsense",)])
async def test_unreachable_peer_is_an_error_in_time(transport: Transport, addresses: tuple[str, ...]) -> None:
    with anyio.fail_after(PATIENCE_SECONDS):
        async with (
            transport.bind(secret(1), BindOptions()) as endpoint,
            transport.bind(secret(2), BindOptions()) as other,
        ):
            peer = PeerAddress(node_id=other.node_id, addresses=addresses)
            error = await refusal(lambda: endpoint.dial(peer, 0.2))
    assert error.code is ErrorCode.PEER_UNREACHABLE


async def test_nobody_dials_himself(transport: Transport) -> None:
    async with transport.bind(secret(1), BindOptions()) as endpoint:
        error = await refusal(lambda: endpoint.dial(address_of(endpoint), 5.0))
    assert error.code is ErrorCode.PEER_UNREACHABLE


async def test_taken_address_is_a_conflict(transport: Transport) -> None:
    async with transport.bind(secret(1), BindOptions()) as endpoint:
        taken = BindOptions(addresses=(endpoint.addresses()[0], "[::1]:0"))
        with pytest.raises(CrofterError) as caught:
            async with transport.bind(secret(2), taken):
                raise AssertionError("bound an address that is taken")
    assert caught.value.code is ErrorCode.CONFLICT


async def test_address_is_free_again_once_whoever_was_there_is_cancelled(transport: Transport) -> None:
    places: list[PeerAddress] = []
    bound, reading = anyio.Event(), anyio.Event()

    async def be_there() -> None:
        async with transport.bind(secret(2), BindOptions()) as other:
            places.append(address_of(other))
            bound.set()
            stream = await (await other.accept()).accept_stream()
            await stream.read(1)
            reading.set()
            await stream.read(1)

    with anyio.fail_after(PATIENCE_SECONDS):
        async with transport.bind(secret(1), BindOptions()) as one:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(be_there)
                await bound.wait()
                stream = await (await one.dial(places[0], 5.0)).open_stream()
                await stream.write(b"x")
                await reading.wait()
                tasks.cancel_scope.cancel()
            async with transport.bind(secret(2), BindOptions(addresses=places[0].addresses)) as again:
                assert again.addresses() == places[0].addresses


async def test_nothing_to_listen_on_is_an_error(transport: Transport) -> None:
    with pytest.raises(CrofterError) as caught:
        async with transport.bind(secret(1), BindOptions(addresses=())):
            raise AssertionError("bound nothing")
    assert caught.value.code is ErrorCode.CONFIG_INVALID


async def test_newer_connection_of_a_node_replaces_the_older(transport: Transport) -> None:
    async with connected(transport) as pair:
        newer = await pair.one.dial(address_of(pair.other), 5.0)
        assert (await pair.accepted.wait_closed()).code is ErrorCode.PEER_LOST
        accepted = await pair.other.accept()
        newer.send_datagram(b"hello")
        assert await accepted.receive_datagram() == b"hello"


async def test_datagrams_arrive_and_large_ones_are_refused(transport: Transport) -> None:
    async with connected(transport) as pair:
        pair.accepted.send_datagram(b"x" * 1000)
        assert await pair.dialled.receive_datagram() == b"x" * 1000
        with pytest.raises(ValueError, match="do not fit"):
            pair.accepted.send_datagram(b"x" * 1001)


async def test_path_is_direct_and_shown(transport: Transport) -> None:
    async with connected(transport) as pair:
        selected = [path for path in pair.dialled.paths() if path.selected]
        assert [path.relayed for path in selected] == [False]
        assert selected[0].remote_address in pair.other.addresses()


async def test_closed_endpoint_ends_its_connections_and_accepts_no_more(transport: Transport) -> None:
    with anyio.fail_after(PATIENCE_SECONDS):
        async with transport.bind(secret(1), BindOptions()) as one:
            async with transport.bind(secret(2), BindOptions()) as other:
                dialled = await one.dial(address_of(other), 5.0)
                await other.accept()
            assert (await dialled.wait_closed()).code is ErrorCode.PEER_LOST
            assert (await refusal(other.accept)).code is ErrorCode.SHUTTING_DOWN


async def test_what_is_announced_is_an_address_until_something_else_is(transport: Transport) -> None:
    async with transport.bind(secret(1), BindOptions()) as endpoint:
        own = set(endpoint.addresses())
        for announced in (("203.0.113.7:4433", "203.0.113.8:4433"), ("203.0.113.8:4433",), ()):
            await endpoint.announce(announced)
            await until(lambda wanted=own | set(announced): set(endpoint.addresses()) == wanted)


async def test_without_relays_none_is_connected(transport: Transport) -> None:
    async with transport.bind(secret(1), BindOptions()) as endpoint:
        assert await endpoint.relay() is None
