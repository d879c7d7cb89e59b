"""Frames arrive whole, however the bytes are cut, and never cost more than they may."""

import contextlib

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crofter.core import CrofterError, ErrorCode
from crofter.network import FrameReader, MemoryNetwork, StreamClosedError, framed, owned, send_frame
from crofter.network.frames import FrameCutter
from crofter.network.transport import Stream
from tests.unit.network.conftest import connected

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]


def cut_all(cutter: FrameCutter, data: bytes) -> list[bytes]:
    cutter.feed(data)
    frames: list[bytes] = []
    while (frame := cutter.cut()) is not None:
        frames.append(frame)
    return frames


@given(st.lists(st.binary(max_size=40), max_size=4))
def test_frames_survive_every_cut(frames: list[bytes]) -> None:
    data = b"".join(map(framed, frames))
    for cut in range(len(data) + 1):
        cutter = FrameCutter()
        assert cut_all(cutter, data[:cut]) + cut_all(cutter, data[cut:]) == frames
        assert cutter.empty


@given(st.lists(st.binary(max_size=40), max_size=4))
def test_frames_survive_single_bytes(frames: list[bytes]) -> None:
    cutter = FrameCutter()
    got = [frame for byte in b"".join(map(framed, frames)) for frame in cut_all(cutter, bytes([byte]))]
    assert got == frames


@given(st.binary(max_size=200))
def test_no_bytes_make_the_cutter_hold_more_than_a_frame(data: bytes) -> None:
    cutter = FrameCutter(maximum_bytes=16)
    with contextlib.suppress(CrofterError):
        for byte in data:
            cut_all(cutter, bytes([byte]))
            assert len(cutter._buffer) < 4 + 16
    assert len(cutter._buffer) < 4 + 16


def test_frame_may_be_as_large_as_allowed_and_no_larger() -> None:
    assert cut_all(FrameCutter(8), framed(b"12345678")) == [b"12345678"]
    with pytest.raises(CrofterError) as caught:
        cut_all(FrameCutter(8), b"\0\0\0\x09")
    assert caught.value.code is ErrorCode.PEER_FAILED
    with pytest.raises(ValueError, match="more than a frame"):
        framed(b"123456789", 8)


async def receiving(sent: list[bytes], *, then: str) -> list[bytes | None]:
    """What a reader makes of these writes, until its end or an error."""
    got: list[bytes | None] = []
    async with connected(MemoryNetwork(), patience_seconds=1e6) as pair:
        here = await pair.dialled.open_stream()
        for data in sent:
            await here.write(data)
        if then == "finish":
            await here.finish()
        elif then == "reset":
            await here.reset(5)
        reader = FrameReader(await pair.accepted.accept_stream(), 1024)
        while not got or got[-1] is not None:
            got.append(await reader.receive())
    return got


async def test_frames_come_in_order_and_then_the_end() -> None:
    data = framed(b"one") + framed(b"") + framed(b"three")
    assert await receiving([data[:2], data[2:9], data[9:]], then="finish") == [b"one", b"", b"three", None]


@pytest.mark.parametrize("cut", [1, 3, 4, 6])
async def test_end_inside_a_frame_is_an_error(cut: int) -> None:
    with pytest.raises(CrofterError, match="middle") as caught:
        await receiving([framed(b"one") + framed(b"two")[:cut]], then="finish")
    assert caught.value.code is ErrorCode.PEER_FAILED


async def test_reset_is_not_taken_for_the_end() -> None:
    with pytest.raises(StreamClosedError):
        await receiving([framed(b"one")], then="reset")


async def test_frame_that_never_ends_is_given_up() -> None:
    with pytest.raises(CrofterError) as caught:
        await receiving([framed(b"slow")[:5]], then="wait")
    assert caught.value.code is ErrorCode.PEER_TOO_SLOW


async def test_drip_of_single_bytes_does_not_prolong_a_frame() -> None:
    async def drip(stream: Stream) -> None:
        for byte in framed(b"x" * 1000):
            await stream.write(bytes([byte]))
            await anyio.sleep(5)

    async with connected(MemoryNetwork(), patience_seconds=1e6) as pair, anyio.create_task_group() as tasks:
        tasks.start_soon(drip, await pair.dialled.open_stream())
        with pytest.raises(CrofterError) as caught:
            await FrameReader(await pair.accepted.accept_stream()).receive()
        assert caught.value.code is ErrorCode.PEER_TOO_SLOW
        tasks.cancel_scope.cancel()


async def test_waiting_for_the_first_byte_has_no_limit_of_its_own() -> None:
    async with connected(MemoryNetwork(), patience_seconds=1e6) as pair:
        here = await pair.dialled.open_stream()
        await send_frame(here, b"one")
        reader = FrameReader(await pair.accepted.accept_stream())
        assert await reader.receive() == b"one"
        with anyio.move_on_after(3600) as patience:
            await reader.receive()
        assert patience.cancelled_caught
        await send_frame(here, b"two")
        assert await reader.receive() == b"two"


async def test_peer_that_does_not_read_is_given_up() -> None:
    async with connected(MemoryNetwork(), patience_seconds=1e6) as pair:
        here = await pair.dialled.open_stream()
        with pytest.raises(CrofterError) as caught:
            await send_frame(here, bytes(4 * 1024 * 1024))
    assert caught.value.code is ErrorCode.PEER_TOO_SLOW


async def test_owned_stream_ends_well_or_is_broken_off() -> None:
    async with connected(MemoryNetwork(), patience_seconds=1e6) as pair:
        async with owned(await pair.dialled.open_stream()) as here:
            await send_frame(here, b"all")
        reader = FrameReader(await pair.accepted.accept_stream())
        assert [await reader.receive(), await reader.receive()] == [b"all", None]

        async def fail() -> None:
            async with owned(await pair.dialled.open_stream()) as here:
                await send_frame(here, b"some")
                raise KeyError

        with pytest.raises(KeyError):
            await fail()
        there = await pair.accepted.accept_stream()
        with pytest.raises(StreamClosedError):
            await FrameReader(there).receive()
        with pytest.raises(StreamClosedError):
            await there.write(b"nobody reads")
