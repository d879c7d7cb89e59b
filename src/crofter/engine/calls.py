"""Outstanding requests to one worker: numbered, timed, answered, and all failed at once when the worker ends."""

import asyncio
import time
from collections import deque
from types import TracebackType
from typing import Self

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
    """One outstanding request, as long as it is entered. What waits for its reader is bounded by the request itself: a chunk a
    token at most.

    A step of a stage is a call: what a queue, a generator and a scope for the time cost would be a good part of a hop.
    """

    def __init__(self, number: int, timeout_seconds: float, outstanding: "dict[int, Call]") -> None:
        """It is `outstanding` while it is entered, and ends with TIMED_OUT after that time."""
        self.number = number
        self._timeout_seconds = timeout_seconds
        self._outstanding = outstanding
        self.sent_at = time.monotonic()
        self.accepted = False
        self.finished = False
        self.carrier: Carrier | None = None
        """Of a request over a route."""
        self._replies: deque[Reply | CrofterError] = deque()
        self._arrival: asyncio.Future[None] | None = None

    def __enter__(self) -> Self:
        self._outstanding[self.number] = self
        self._timer = asyncio.get_running_loop().call_later(self._timeout_seconds, self._late)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        del self._outstanding[self.number]

    async def reply(self) -> Reply:
        """The next reply. Raises the CrofterError that ends the call."""
        while not self._replies:
            self._arrival = asyncio.get_running_loop().create_future()
            await self._arrival
        reply = self._replies.popleft()
        if isinstance(reply, CrofterError):
            raise reply
        return reply

    def put(self, reply: Reply | CrofterError) -> None:
        """Hand over a reply, or the error that ends the call."""
        self._replies.append(reply)
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    def _late(self) -> None:
        message = f"not finished after {self._timeout_seconds:g} s"
        self.put(CrofterError(ErrorCode.TIMED_OUT, message, retry_after_seconds=1.0))


class Calls:
    """All outstanding requests."""

    def __init__(self) -> None:
        self._calls: dict[int, Call] = {}
        self._last_number = 0
        self._last_heard = time.monotonic()

    def open(self, timeout_seconds: float) -> Call:
        """A new call, to be entered; ends with TIMED_OUT after that time."""
        self._last_number += 1
        return Call(self._last_number, timeout_seconds, self._calls)

    def deliver(self, message: FromWorker) -> None:
        """Hand what the worker said to whom it concerns; what nobody waits for any more is dropped."""
        self._last_heard = time.monotonic()
        match message:
            case Computed():  # the most frequent, and the one that is waited for
                self._put(message.call, message)
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
            case Embedded() | Reranked() | Tokenized() | Measured() | Exported() | Done():
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
