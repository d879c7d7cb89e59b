"""Outstanding requests to one worker: numbered, timed, answered, and all failed at once when the worker ends."""

import asyncio
import contextlib
import time
from collections.abc import Generator

from crofter.core import Chunk, CrofterError, ErrorCode

from .messages import Computed, Done, Exported, Forward, Missing, Release
from .route import Carrier
from .values import MissingRowsError
from .wire import Accepted, Chunks, Embedded, Failed, FromWorker, Measured, Reranked, Tokenized

Reply = Chunk | Embedded | Reranked | Tokenized | Measured | Computed | Exported | Done

_ACCEPT_SECONDS = 60.0
"""A request not even tokenised after this long: its template or text holds the worker up."""
_SILENCE_SECONDS = 180.0
"""No step of any model takes this long: the worker hangs."""


class Call:
    """One outstanding request. Its queue is bounded by the request itself: a chunk a token at most."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.sent_at = time.monotonic()
        self.accepted = False
        self.finished = False
        self.carrier: Carrier | None = None
        """Of a request over a route."""
        self._replies: asyncio.Queue[Reply | CrofterError] = asyncio.Queue()

    async def reply(self) -> Reply:
        """The next reply. Raises the CrofterError that ends the call."""
        reply = await self._replies.get()
        if isinstance(reply, CrofterError):
            raise reply
        return reply

    def put(self, reply: Reply | CrofterError) -> None:
        """Hand over a reply, or the error that ends the call."""
        self._replies.put_nowait(reply)


class Calls:
    """All outstanding requests."""

    def __init__(self) -> None:
        self._calls: dict[int, Call] = {}
        self._last_number = 0
        self._last_heard = time.monotonic()

    @contextlib.contextmanager
    def open(self, timeout_seconds: float) -> Generator[Call]:
        """A new call; ends with TIMED_OUT after that time."""
        self._last_number += 1
        call = self._calls[self._last_number] = Call(self._last_number)
        late = CrofterError(ErrorCode.TIMED_OUT, f"not finished after {timeout_seconds:g} s", retry_after_seconds=1.0)
        # A timer instead of a time-out around each wait: chunks are many, requests few.
        timer = asyncio.get_running_loop().call_later(timeout_seconds, call.put, late)
        try:
            yield call
        finally:
            timer.cancel()
            del self._calls[call.number]

    def deliver(self, message: FromWorker) -> None:
        """Hand what the worker said to whom it concerns; what nobody waits for any more is dropped."""
        self._last_heard = time.monotonic()
        match message:
            case Chunks():
                for number, chunk in message.chunks:
                    self._put(number, chunk)
            case Accepted():
                if (call := self._calls.get(message.call)) is not None:
                    call.accepted = True
            case Forward() | Release():
                if (call := self._calls.get(message.call)) is not None and call.carrier is not None:
                    call.carrier.carry(message)
            case Failed():
                self._put(message.call, CrofterError.from_report(message.error))
            case Missing():
                self._put(message.call, MissingRowsError(message.held))
            case Embedded() | Reranked() | Tokenized() | Measured() | Computed() | Exported() | Done():
                self._put(message.call, message)
            case _:
                pass

    def _put(self, number: int, reply: Reply | CrofterError) -> None:
        if (call := self._calls.get(number)) is not None:
            call.put(reply)

    def fail_all(self, error: CrofterError) -> None:
        """The worker is gone."""
        for call in self._calls.values():
            call.put(error)

    def overdue(self) -> bool:
        """Whether something asked of the worker has gone unanswered for longer than can be."""
        now = time.monotonic()
        if self._calls and now - self._last_heard > _SILENCE_SECONDS:
            return True
        return any(not call.accepted and now - call.sent_at > _ACCEPT_SECONDS for call in self._calls.values())
