"""Requests with images or sounds: read in a thread of their own, for it takes seconds, and handed on like all others.

Neither running answers nor other requests wait for it: the projector computes beside the scheduler, and has what time that leaves.
"""

import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from crofter.core import ChatPrompt, CrofterError, ErrorCode
from crofter.engine.wire import Generate, Tokenize, Tokenized

from .intake import Intake
from .session import PreparedRequest

if TYPE_CHECKING:
    from .senses import Senses

_MOST_WAITING_BYTES = 256 * 1024 * 1024
"""Of files in requests that wait to be read."""
_NICENESS = 5
"""Of the threads that encode: who waits for the next token of an answer goes first."""

Message = Generate | Tokenize
Deliver = Callable[[PreparedRequest | Tokenized], None]


class MediaIntake:
    """One thread that reads what requests bring, in the order they came."""

    def __init__(
        self, senses: "Senses", intake: Intake, deliver: Deliver, fail: Callable[[int, Exception], None]
    ) -> None:
        """`deliver` takes what became of a message, `fail` why nothing did."""
        self._senses = senses
        self._intake = intake
        self._deliver = deliver
        self._fail = fail
        self._waiting: queue.SimpleQueue[tuple[Message, ChatPrompt, float]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._open: dict[int, int] = {}
        """Calls that wait or are being read, and the bytes they hold."""

    def start(self) -> None:
        """Begin to read."""
        threading.Thread(target=self._run, name="media", daemon=True).start()

    def submit(self, message: Message, prompt: ChatPrompt) -> None:
        """Take a message into the line. Raises OVERLOADED."""
        size_bytes = sum(len(part.data) for part in prompt.media)
        with self._lock:
            if self._open and sum(self._open.values()) + size_bytes > _MOST_WAITING_BYTES:
                raise CrofterError(
                    ErrorCode.OVERLOADED, "too many images and sounds wait to be read", retry_after_seconds=5.0
                )
            self._open[message.call] = size_bytes
        self._waiting.put((message, prompt, time.monotonic()))

    def cancel(self, call: int) -> None:
        """Forget a call; unknown ones have been handed on."""
        with self._lock:
            self._open.pop(call, None)

    def _run(self) -> None:
        if sys.platform == "linux":  # Elsewhere it is the whole process that can be given way with.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        while True:
            message, prompt, arrived = self._waiting.get()
            if message.call not in self._open:
                continue
            try:
                self._hand_on(message.call, self._read(message, prompt, arrived))
            except Exception as error:  # noqa: BLE001 - one surprise must not leave all later requests without an answer
                self.cancel(message.call)
                self._fail(message.call, error)  # Who has given up does not hear it.

    def _read(self, message: Message, prompt: ChatPrompt, arrived: float) -> PreparedRequest | Tokenized:
        readings = self._senses.read(prompt.media, lambda: message.call in self._open)
        # The files have served their purpose, and the request lives as long as its answer.
        media = tuple(msgspec.structs.replace(part, data=b"") for part in prompt.media)
        prompt = msgspec.structs.replace(prompt, media=media)
        if isinstance(message, Generate):
            request = msgspec.structs.replace(message.request, prompt=prompt)
            return self._intake.prepare(message.call, request, arrived, readings)
        return Tokenized(call=message.call, tokens=tuple(self._intake.tokenize(prompt, readings).ids))

    def _hand_on(self, call: int, outcome: PreparedRequest | Tokenized) -> None:
        # Within the lock: a cancellation comes before, and is heeded here, or after, and is heeded by who it is handed to.
        with self._lock:
            if self._open.pop(call, None) is not None:
                self._deliver(outcome)
