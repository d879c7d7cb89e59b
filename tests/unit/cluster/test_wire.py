"""Frames of a session: what is written is read, and what is none is refused for the right reason."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crofter.cluster.wire import (
    MOST_FRAME_BYTES,
    Codec,
    Frame,
    FrameError,
    Problem,
    frame_bytes,
    frame_rows,
    most_rows,
    read_frame,
    row_payload,
    row_values,
    sections_of,
)
from crofter.core import CrofterError, ErrorCode, Rows

SESSION = bytes(range(16))
CODECS: list[Codec] = ["f32", "fp16"]


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    count = draw(st.integers(0, 2**20))
    return Frame(
        kind=draw(st.sampled_from(("rows", "result", "need", "renew", "fault"))),
        session_id=draw(st.binary(min_size=16, max_size=16)),
        epoch=draw(st.integers(0, 2**32 - 1)),
        step=draw(st.integers(0, 2**64 - 1)),
        position=draw(st.integers(0, 2**30)),
        count=count,
        wanted=draw(st.integers(0, count)),
        deadline_milliseconds=draw(st.integers(0, 2**32 - 1)),
        codec=draw(st.sampled_from(CODECS)),
        discard=draw(st.booleans()),
        mutual=draw(st.booleans()),
        sections=draw(st.integers(0, 4)),
        payload=draw(st.binary(max_size=200)),
    )


@given(frames())
def test_what_is_written_is_read(frame: Frame) -> None:
    assert read_frame(frame_bytes(frame)) == frame


@given(st.binary(max_size=200) | frames().map(frame_bytes), st.data())
def test_any_bytes_are_a_frame_or_refused(data: bytes, draw: st.DataObject) -> None:
    if data:
        place, value = draw.draw(st.integers(0, len(data) - 1)), draw.draw(st.integers(0, 255))
        data = data[:place] + bytes([value]) + data[place + 1 :]
    with suppress(FrameError):
        frame = read_frame(data)
        assert frame_rows(frame, 4).count == frame.count


@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.lists(st.floats(-60_000, 60_000, width=16), min_size=81, max_size=81),
    st.sampled_from(CODECS),
)
def test_rows_come_through_each_codec_as_exactly_as_it_can(
    count: int, width: int, numbers: list[float], codec: Codec
) -> None:
    rows = np.array(numbers[: count * width], np.float32)
    frame = Frame(
        kind="rows", session_id=SESSION, epoch=1, count=count, codec=codec, payload=row_payload(rows.tobytes(), codec)
    )
    assert row_values(read_frame(frame_bytes(frame)), width) == rows.tobytes()


@given(st.lists(st.floats(-60_000, 60_000, width=32), min_size=1, max_size=50))
def test_half_precision_is_off_by_its_rounding_only(numbers: list[float]) -> None:
    rows = np.array(numbers, np.float32)
    payload = row_payload(rows.tobytes(), "fp16")
    frame = Frame(kind="rows", session_id=SESSION, epoch=1, count=1, codec="fp16", payload=payload)
    got = np.frombuffer(row_values(frame, len(rows)), np.float32)
    assert np.allclose(got, rows, rtol=2**-11, atol=2**-24)


def damaged(place: int, value: int) -> bytes:
    data = bytearray(frame_bytes(Frame(kind="rows", session_id=SESSION, epoch=1, count=1, payload=bytes(16))))
    data[place] = value
    return bytes(data)


REFUSED: dict[str, tuple[bytes, Problem]] = {
    "nothing": (b"", "size"),
    "half a header": (damaged(0, 67)[:51], "size"),
    "other magic": (damaged(0, 0), "magic"),
    "a later version": (damaged(2, 2), "version"),
    "an unknown kind": (damaged(3, 5), "header"),
    "an unknown codec": (damaged(4, 2), "header"),
    "an unknown flag": (damaged(5, 4), "header"),
    "five positions for each row": (damaged(6, 5), "header"),
    "more wanted than there are": (damaged(44, 2), "header"),
    "positions beyond all contexts": (damaged(39, 255), "header"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_frame_says_in_what_respect(what: str) -> None:
    data, problem = REFUSED[what]
    with pytest.raises(FrameError) as caught:
        read_frame(data)
    assert caught.value.problem == problem


@pytest.mark.parametrize("size", [0, 15, 17, 32])
def test_rows_of_another_size_are_refused(size: int) -> None:
    frame = Frame(kind="rows", session_id=SESSION, epoch=1, count=1, payload=bytes(size))
    with pytest.raises(FrameError) as caught:
        row_values(frame, 4)
    assert caught.value.problem == "size"


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_neither_taken_nor_sent(codec: Codec, number: float) -> None:
    rows = np.array([1, number, 2, 3], np.float32)
    coded = rows.astype(np.float16).tobytes() if codec == "fp16" else rows.tobytes()
    frame = Frame(kind="rows", session_id=SESSION, epoch=1, count=1, codec=codec, payload=coded)
    with pytest.raises(FrameError) as caught:
        row_values(frame, 4)
    assert caught.value.problem == "values"
    with pytest.raises(CrofterError) as refused:
        row_payload(rows.tobytes(), codec)
    assert refused.value.code is ErrorCode.WORKER_FAILED


def test_number_too_large_for_half_precision_is_not_sent_as_infinity() -> None:
    with pytest.raises(CrofterError, match="f32"):
        row_payload(np.array([70_000], np.float32).tobytes(), "fp16")


@pytest.mark.parametrize("codec", CODECS)
def test_positions_of_an_image_travel_with_its_rows(codec: Codec) -> None:
    positions = np.arange(8, dtype=np.int32).tobytes()
    rows = Rows(
        position=3, count=2, wanted=1, values=np.ones(6, np.float32).tobytes(), positions=positions, mutual=True
    )
    frame = Frame(
        kind="rows",
        session_id=SESSION,
        epoch=1,
        position=3,
        count=2,
        wanted=1,
        codec=codec,
        mutual=True,
        sections=sections_of(rows),
        payload=row_payload(rows.values, codec, positions),
    )
    assert frame_rows(read_frame(frame_bytes(frame)), 3) == rows


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("width", [64, 4096, 16_384])
def test_as_many_rows_as_are_allowed_fit_into_a_frame(codec: Codec, width: int) -> None:
    count = most_rows(width, codec)
    values = bytes(4 * width * count)
    payload = row_payload(values, codec, bytes(16 * count))
    frame = Frame(kind="rows", session_id=SESSION, epoch=1, count=count, codec=codec, sections=4, payload=payload)
    assert MOST_FRAME_BYTES - 8 * width < len(frame_bytes(frame)) <= MOST_FRAME_BYTES
