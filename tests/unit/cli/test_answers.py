from collections.abc import Generator, Sequence

import pytest

from crofter.cli.answers import read
from crofter.client import Connection, Place, Reply, Request, Stream
from crofter.core import CrofterError, ErrorCode, Usage

ASKED = Request(method="POST", path="/v1/chat/completions")

ANSWER = (
    b'data: {"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}',
    b": ping",
    b'data: {"model":"m","choices":[{"index":0,"delta":{"reasoning_content":"hm"},"finish_reason":null}]}',
    b'data: {"model":"m","choices":[{"index":0,"delta":{"content":"Hel"},"finish_reason":null}]}',
    b'data: {"model":"m","choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":null}]}',
    b'data: {"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}',
    (
        b'data: {"model":"m","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2},'
        b'"crofter":{"timings":{"ttft_ms":5.0},"provenance":{"backend":"b","model_id":"ab","model_name":"m"}}}'
    ),
    b"data: [DONE]",
)


class CannedConnection(Connection):
    """Answers with lines written down beforehand."""

    def __init__(self, canned: Sequence[bytes]) -> None:
        super().__init__(Place(url="http://127.0.0.1:1"))
        self._canned = canned

    def streamed(self, request: Request) -> Generator[bytes]:
        yield from self._canned


def answer(lines: Sequence[bytes], shown: list[tuple[str, bool]] | None = None) -> Reply:
    pieces: list[tuple[str, bool]] = [] if shown is None else shown
    with CannedConnection(lines) as connection, Stream(connection, ASKED) as stream:
        return read(stream, lambda piece, is_reasoning: pieces.append((piece, is_reasoning)))


def test_the_pieces_become_one_answer() -> None:
    whole = answer(ANSWER)
    assert (whole.text, whole.reasoning, whole.finish_reason) == ("Hello", "hm", "stop")
    assert whole.usage == Usage(prompt_tokens=3, completion_tokens=2)
    assert whole.timings is not None
    assert whole.timings.ttft_ms == 5.0
    assert whole.provenance is not None
    assert whole.provenance.ran_on == ("this node",)


def test_pieces_are_shown_as_they_come() -> None:
    shown: list[tuple[str, bool]] = []
    answer(ANSWER, shown)
    assert shown == [("hm", True), ("Hel", False), ("lo", False)]


def test_an_error_in_the_stream_is_raised() -> None:
    failure = b'data: {"error":{"message":"gone","type":"server_error","param":null,"code":"worker_died"}}'
    with pytest.raises(CrofterError) as raised:
        answer((*ANSWER[:4], failure))
    assert raised.value.code is ErrorCode.WORKER_DIED
    assert raised.value.message == "gone"


def test_a_stream_that_breaks_off_is_no_answer() -> None:
    with pytest.raises(CrofterError) as raised:
        answer(ANSWER[:-1])
    assert raised.value.code is ErrorCode.WORKER_FAILED


def test_what_arrived_before_an_interruption_is_kept() -> None:
    def interrupt(piece: str, _is_reasoning: bool) -> None:
        if piece == "Hel":
            raise KeyboardInterrupt

    with CannedConnection(ANSWER) as connection, Stream(connection, ASKED) as stream:
        with pytest.raises(KeyboardInterrupt):
            read(stream, interrupt)
        assert stream.reply.text == "Hel"
