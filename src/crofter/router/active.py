"""The requests that are running: counted, and waited for or cancelled when the node stops."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

import anyio

from crofter.core import CrofterError, ErrorCode, RequestId


class ActiveRequests:
    """Which requests run now, each with the function that cancels it."""

    def __init__(self) -> None:
        self._cancels: dict[RequestId, Callable[[], None]] = {}
        self._idle = anyio.Event()
        self._closed = False

    @property
    def count(self) -> int:
        return len(self._cancels)

    @property
    def closed(self) -> bool:
        """Whether new requests are refused."""
        return self._closed

    def refuse_if_closed(self) -> None:
        """Raises SHUTTING_DOWN once `drain` has begun."""
        if self._closed:
            raise CrofterError(ErrorCode.SHUTTING_DOWN, "the node is stopping; try again when it is back")

    @contextmanager
    def running(self, request_id: RequestId, cancel: Callable[[], None]) -> Generator[None]:
        """Counts a request while it runs. Raises CONFLICT if its id is already in use."""
        self.refuse_if_closed()
        if request_id in self._cancels:
            raise CrofterError(ErrorCode.CONFLICT, f"request id {request_id} is already running")
        self._cancels[request_id] = cancel
        try:
            yield
        finally:
            del self._cancels[request_id]
            if self._closed and not self._cancels:
                self._idle.set()

    async def drain(self, timeout_seconds: float) -> int:
        """Refuse new requests, let the running ones finish for that long, then cancel the rest; returns how many."""
        self._closed = True
        if not self._cancels:
            return 0
        with anyio.move_on_after(timeout_seconds):
            await self._idle.wait()
        remaining = list(self._cancels.values())
        for cancel in remaining:
            cancel()
        return len(remaining)
