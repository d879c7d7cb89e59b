"""A relay on real sockets, and clients that do not mean it well."""

import socket
from contextlib import AsyncExitStack

import anyio
import pytest
from anyio.abc import ByteStream
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from crofter.core import CrofterError, ErrorCode
from crofter.network import find_observer
from crofter.network.relay import connection as relay_connection
from crofter.network.relay import server
from crofter.network.relay.challenge import to_sign
from crofter.network.relay.plan import MOST_UNPROVEN
from tests.unit.network.peering import until
from tests.unit.network.relay.relaying import (
    ONE,
    OTHER,
    RELAY,
    STRANGER,
    Relay,
    client,
    datagram,
    dialled,
    prove,
    received,
    serving,
)

pytestmark = pytest.mark.anyio


async def ended(socket: ClientConnection) -> int:
    """The code a connection ends with."""
    try:
        while True:
            await socket.recv()
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 1006


async def read_to_end(stream: ByteStream) -> bytes:
    """What comes until the other side closes, or breaks off."""
    data = b""
    try:
        while True:
            data += await stream.receive()
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        return data


async def asked(relay: Relay, request: str) -> str:
    async with await anyio.connect_tcp("127.0.0.1", int(relay.url.rpartition(":")[2])) as stream:
        await stream.send(request.encode())
        return (await read_to_end(stream)).decode()


async def test_what_one_client_sends_the_other_gets() -> None:
    async with serving(Relay()) as relay, client(relay, ONE) as one, client(relay, OTHER) as other:
        await one.send(datagram(OTHER))
        assert await received(other) == b"\x06" + ONE.node_id + b"\x00hello"
        assert relay.server.counts.clients == 2


@pytest.mark.parametrize("versions", [("iroh-relay-v2", "iroh-relay-v1"), ("iroh-relay-v1",), ("x", "iroh-relay-v1")])
async def test_first_known_version_is_taken_and_nothing_is_compressed(versions: tuple[str, ...]) -> None:
    async with serving(Relay()) as relay, client(relay, ONE, versions) as one:
        assert one.subprotocol == next(version for version in versions if version != "x")
        assert one.response is not None
        assert "Sec-WebSocket-Extensions" not in one.response.headers


async def test_other_protocols_are_turned_away() -> None:
    async with serving(Relay()) as relay:
        with pytest.raises(InvalidStatus):
            async with dialled(relay, ("chat",)):
                pass


async def test_an_impostor_is_refused() -> None:
    async with serving(Relay()) as relay, dialled(relay) as socket:
        assert (await prove(socket, ONE, key=STRANGER))[:1] == b"\x03"
        assert await ended(socket) == 1008
        assert (relay.server.counts.refused, relay.server.counts.clients) == (1, 0)


async def test_who_is_not_trusted_is_refused_with_the_reason() -> None:
    async with serving(Relay()) as relay, dialled(relay) as socket:
        denied = await prove(socket, STRANGER)
        assert (denied[:1], denied[1]) == (b"\x03", len(denied) - 2)
        assert b"not for you" in denied
        assert await ended(socket) == 1008
    async with serving(Relay(for_everyone=True)) as relay, client(relay, STRANGER):
        assert relay.server.counts.clients == 1


async def test_an_answer_to_another_challenge_is_refused() -> None:
    async with serving(Relay()) as relay, dialled(relay) as first, dialled(relay) as second:
        heard = await received(first)
        answer = b"\x01" + ONE.node_id + b"\x40" + ONE._key.sign(to_sign(heard[1:]))
        await received(second)
        await second.send(answer)
        assert (await received(second))[:1] == b"\x03"
        await first.send(answer)
        assert await received(first) == b"\x02"


@pytest.mark.parametrize(
    "frame",
    [
        datagram(OTHER),
        b"",
        b"\x01" + bytes(300),
        "text",
        [b"\x01", b"in parts"],
        bytes(20_000),
    ],
)
async def test_who_is_not_proven_can_say_nothing_else(frame: bytes | str | list[bytes]) -> None:
    async with serving(Relay()) as relay, client(relay, OTHER) as other, dialled(relay) as socket:
        await received(socket)
        await socket.send(frame)
        assert await ended(socket) in {1002, 1006}
        await other.send(b"\x09" + b"12345678")
        assert await received(other) == b"\x0a" + b"12345678"


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x05" + OTHER.node_id + b"\x00\x00\x00spin", 1002),
        (b"\x07" + OTHER.node_id + b"\x00\x00\x03spin", 1002),
        (b"", 1002),
        ("text", 1002),
        ([datagram(OTHER)[:10], datagram(OTHER)[10:]], 1002),
        (datagram(OTHER, bytes(64 * 1024)), 1009),
    ],
)
async def test_hostile_frames_end_their_connection_and_reach_nobody(
    frame: bytes | str | list[bytes], code: int
) -> None:
    async with serving(Relay()) as relay, client(relay, OTHER) as other:
        async with client(relay, ONE) as one:
            await one.send(frame)
            assert await ended(one) == code
        async with client(relay, ONE) as again:
            await again.send(datagram(OTHER, b"after"))
            assert (await received(other))[-5:] == b"after"


async def test_a_flood_is_held_back_at_its_source_and_others_are_served() -> None:
    relay = Relay(bytes_per_second=200_000)
    async with (
        serving(relay),
        client(relay, ONE) as one,
        client(relay, OTHER) as other,
        anyio.create_task_group() as tasks,
    ):
        sent = 0

        async def flood() -> None:
            nonlocal sent
            while True:
                await one.send(datagram(STRANGER, bytes(60_000)))
                sent += 60_000

        tasks.start_soon(flood)
        await until(lambda: relay.server.counts.dropped >= 3)
        await other.send(b"\x09" + b"12345678")
        assert await received(other) == b"\x0a" + b"12345678"
        # Sent is what the sockets between hold; passed on or dropped is what was read.
        assert relay.server.counts.dropped * 60_000 < sent
        tasks.cancel_scope.cancel()


async def test_who_does_not_read_costs_a_bounded_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_connection, "_MOST_WAITING_BYTES", 100_000)
    async with serving(Relay()) as relay, client(relay, ONE) as one, client(relay, OTHER) as deaf:
        deaf.transport.pause_reading()
        while relay.server.counts.dropped < 10:
            await one.send(datagram(OTHER, bytes(60_000)))
        await one.send(b"\x09" + b"12345678")
        assert await received(one) == b"\x0a" + b"12345678"


async def test_who_proves_nothing_makes_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(Relay()) as relay:
        port = int(relay.url.rpartition(":")[2])
        silent = [await anyio.connect_tcp("127.0.0.1", port) for _ in range(MOST_UNPROVEN + 5)]
        async with client(relay, ONE):
            assert relay.server.counts.clients == 1
        for stream in silent:
            await stream.aclose()


async def test_who_is_silent_is_asked_and_then_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_REVIEW_SECONDS", 0.02)
    monkeypatch.setattr(relay_connection, "PING_SECONDS", 0.05)
    monkeypatch.setattr(relay_connection, "SILENT_SECONDS", 0.3)
    async with serving(Relay()) as relay, client(relay, ONE) as one:
        assert (await received(one))[:1] == b"\x09"
        await one.send(b"\x0a" + bytes(8))
        assert (await received(one))[:1] == b"\x09"
        assert await ended(one) == 1006


async def test_who_never_proves_anything_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_REVIEW_SECONDS", 0.02)
    monkeypatch.setattr(relay_connection, "UNPROVEN_SECONDS", 0.1)
    async with serving(Relay()) as relay, dialled(relay) as socket:
        assert await ended(socket) == 1006


async def test_who_is_blocked_meanwhile_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_REVIEW_SECONDS", 0.02)
    async with serving(Relay()) as relay, client(relay, ONE) as one:
        relay.standings[ONE.node_id] = "blocked"
        assert await ended(one) == 1006


async def test_newest_connection_of_a_node_wins_and_the_older_is_told() -> None:
    async with serving(Relay()) as relay, client(relay, ONE) as old, client(relay, OTHER) as other:
        async with client(relay, ONE) as new:
            assert await received(old) == b"\x0d\x01"
            await other.send(datagram(ONE))
            assert (await received(new))[-5:] == b"hello"
        assert await received(old) == b"\x0d\x00"


async def test_clients_are_told_when_the_relay_ends() -> None:
    relay = Relay()
    async with AsyncExitStack() as stack:
        async with serving(relay):
            one = await stack.enter_async_context(client(relay, ONE))
        assert await received(one) == b"\x0c" + (1000).to_bytes(4, "big") + (5000).to_bytes(4, "big")
        await ended(one)


async def test_small_packets_do_not_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[relay_connection.RelayConnection] = []
    original = relay_connection.RelayConnection.connection_made

    def remember(self: relay_connection.RelayConnection, transport: object) -> None:
        original(self, transport)  # pyright: ignore[reportArgumentType]
        made.append(self)

    monkeypatch.setattr(relay_connection.RelayConnection, "connection_made", remember)
    async with serving(Relay()) as relay, client(relay, ONE):
        listener = made[0]._transport.get_extra_info("socket")
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


@pytest.mark.parametrize(
    ("path", "headers", "status", "content"),
    [
        ("/ping", "", "200 OK", ""),
        ("/generate_204", "", "204 No Content", ""),
        ("/generate_204", "X-Iroh-Challenge: ab.c\r\n", "204 No Content", "X-Iroh-Response: response ab.c"),
        ("/", "", "404 Not Found", ""),
        ("/relay", "", "426 Upgrade Required", ""),
        ("/observer?x", "", "200 OK", '"ports":[7412]'),
    ],
)
async def test_what_else_a_relay_answers(path: str, headers: str, status: str, content: str) -> None:
    async with serving(Relay()) as relay:
        answer = await asked(relay, f"GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n")
        assert answer.startswith(f"HTTP/1.1 {status}\r\n")
        assert content in answer


@pytest.mark.parametrize(
    "request_", ["\r\n\r\n", "GET", "POST /relay HTTP/1.1\r\n\r\n", "GET / HTTP/9\r\n\r\n", "x" * 17_000]
)
async def test_what_is_no_request_is_ended(request_: str) -> None:
    async with serving(Relay()) as relay:
        stream = await anyio.connect_tcp("127.0.0.1", int(relay.url.rpartition(":")[2]))
        await stream.send(request_.encode())
        await stream.send_eof()
        await read_to_end(stream)
        await stream.aclose()
        async with client(relay, ONE):
            pass


async def test_observer_beside_a_relay_is_found_at_the_relays_host() -> None:
    async with serving(Relay()) as relay:
        found = await find_observer(relay.url)
        assert (found.node_id, found.addresses, found.relay_url) == (RELAY.node_id, ("127.0.0.1:7412",), None)
        url = relay.url
    with pytest.raises(CrofterError) as caught:
        await find_observer(url)
    assert caught.value.code is ErrorCode.PEER_UNREACHABLE


async def test_a_taken_address_is_said() -> None:
    async with serving(Relay()) as relay:
        other = Relay()
        other.server._wanted = relay.server.addresses
        with pytest.raises(CrofterError) as caught:
            await other.server.run()
        assert caught.value.code is ErrorCode.CONFLICT
