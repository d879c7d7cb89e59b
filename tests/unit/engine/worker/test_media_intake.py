"""Requests with images are read in their own thread: in order, within bounds, and not at all once nobody waits for them."""

import threading
from collections.abc import Callable
from typing import cast

import pytest

from crofter.core import ChatPrompt, CrofterError, ErrorCode, MediaPart, Message
from crofter.engine.wire import Tokenize, Tokenized
from crofter.engine.worker import media_intake
from crofter.engine.worker.intake import Intake, Tokens
from crofter.engine.worker.media import Readings
from crofter.engine.worker.media_intake import MediaIntake
from crofter.engine.worker.senses import Senses
from crofter.engine.worker.session import PreparedRequest

WAIT_SECONDS = 10.0


class Reader:
    """Stands for the projector and the tokeniser: reads when it is let, and remembers what."""

    def __init__(self) -> None:
        self.reads: list[bytes] = []
        self.begun = threading.Semaphore(0)
        self.go = threading.Semaphore(0)

    def read(self, parts: tuple[MediaPart, ...], wanted: Callable[[], bool]) -> Readings:
        assert wanted()
        self.begun.release()
        assert self.go.acquire(timeout=WAIT_SECONDS)
        self.reads.append(parts[0].data)
        if parts[0].data == b"broken":
            raise CrofterError(ErrorCode.INVALID_REQUEST, "no image")
        return Readings({})

    def tokenize(self, prompt: ChatPrompt, _readings: Readings) -> Tokens:
        assert prompt.media[0].data == b"", "the file is held no longer than it is needed"
        return Tokens([len(prompt.media)])


class Desk:
    """A media intake with its reader; what came of each call."""

    def __init__(self) -> None:
        self.reader = Reader()
        self.outcomes: list[tuple[int, str]] = []
        self._came = threading.Condition()
        intake = MediaIntake(cast(Senses, self.reader), cast(Intake, self.reader), self._deliver, self._fail)
        self.submit: Callable[[Tokenize, ChatPrompt], None] = intake.submit
        self.cancel = intake.cancel
        intake.start()

    def ask(self, call: int, file: bytes = b"image") -> None:
        part = MediaPart(kind="image", data=file, marker="<m>", place="here")
        prompt = ChatPrompt(messages=(Message(role="user", content="<m>"),), media=(part,))
        self.submit(Tokenize(call=call, prompt=prompt), prompt)

    def wait_for(self, count: int) -> list[tuple[int, str]]:
        with self._came:
            assert self._came.wait_for(lambda: len(self.outcomes) >= count, WAIT_SECONDS)
        return self.outcomes

    def _deliver(self, outcome: PreparedRequest | Tokenized) -> None:
        self._note(outcome.call, "done")

    def _fail(self, call: int, error: Exception) -> None:
        self._note(call, str(error))

    def _note(self, call: int, what: str) -> None:
        with self._came:
            self.outcomes.append((call, what))
            self._came.notify()


def test_requests_are_read_in_order_and_a_broken_one_stops_nobody() -> None:
    desk = Desk()
    for call, file in enumerate((b"one", b"broken", b"three")):
        desk.ask(call, file)
        desk.reader.go.release()
    assert desk.wait_for(3) == [(0, "done"), (1, "no image"), (2, "done")]
    assert desk.reader.reads == [b"one", b"broken", b"three"]


def test_what_is_cancelled_is_neither_read_nor_handed_on() -> None:
    desk = Desk()
    desk.ask(1)
    desk.ask(2, b"never")
    desk.ask(3)
    assert desk.reader.begun.acquire(timeout=WAIT_SECONDS)
    desk.cancel(1)
    desk.cancel(2)
    desk.reader.go.release(2)
    assert desk.wait_for(1) == [(3, "done")]
    assert desk.reader.reads == [b"image", b"image"]


def test_files_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_intake, "_MOST_WAITING_BYTES", 10)
    desk = Desk()
    desk.ask(1, bytes(20))  # A request by itself is bounded by its body.
    with pytest.raises(CrofterError) as caught:
        desk.ask(2, b"x")
    assert (caught.value.code, caught.value.retry_after_seconds) == (ErrorCode.OVERLOADED, 5.0)
    desk.reader.go.release()
    desk.wait_for(1)
    desk.ask(3, b"x")
    desk.reader.go.release()
    assert desk.wait_for(2)[-1] == (3, "done")
