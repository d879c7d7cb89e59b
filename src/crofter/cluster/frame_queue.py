"""What waits between two tasks of a session. A memory stream would go once more round the event loop for each frame."""

from collections import deque
from typing import Generic, TypeVar

import anyio

T = TypeVar("T")


class FrameQueue(Generic[T]):
    """In order, and bounded. One task takes; who puts in waits in no order."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._items: deque[T] = deque()
        self._closed = False
        self._filled: anyio.Event | None = None
        self._emptied: anyio.Event | None = None

    def offer(self, item: T) -> bool:
        """Put it in if there is room and somebody may still take it."""
        if self._closed or len(self._items) >= self._most:
            return False
        self._items.append(item)
        if self._filled is not None:
            self._filled.set()
        return True

    async def put(self, item: T) -> bool:
        """The same, waiting for room; False once it is closed."""
        while not self.offer(item):
            if self._closed:
                return False
            if self._emptied is None:
                self._emptied = anyio.Event()
            await self._emptied.wait()
        return True

    async def take(self) -> T | None:
        """The next one; None when it is closed and nothing is left. A cancelled call takes nothing."""
        while not self._items:
            if self._closed:
                return None
            self._filled = anyio.Event()
            await self._filled.wait()
            self._filled = None
        item = self._items.popleft()
        self._wake_who_waits_for_room()
        return item

    def close(self) -> None:
        """Nothing more is put in."""
        self._closed = True
        if self._filled is not None:
            self._filled.set()
        self._wake_who_waits_for_room()

    def _wake_who_waits_for_room(self) -> None:
        if self._emptied is not None:
            self._emptied.set()
            self._emptied = None
