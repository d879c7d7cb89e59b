"""The wire between two nodes: what arrives when, and what does not."""

from collections import deque
from collections.abc import Callable
from math import inf
from random import Random
from typing import Generic, TypeVar

import anyio
import msgspec

from crofter.core import CrofterError

T = TypeVar("T")

_LONGEST_LUCKLESS = 20


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """What a link is like, both ways."""

    delay_seconds: float = 0.0
    """One way."""
    loss: float = 0.0
    """The share of packets that are lost: datagrams for good, streams one round trip later."""
    up: bool = True
    """False: nothing arrives, and nobody is told; what streams sent meanwhile arrives when the link is up again."""


class Link:
    """Two nodes' link; all their connections share it."""

    def __init__(self, chance: Random) -> None:
        self.conditions = Conditions()
        self._chance = chance
        self._down_since: float | None = None
        self._waiting: set[anyio.Event] = set()

    def change(self, conditions: Conditions) -> None:
        """From now on it is like this."""
        if conditions.up:
            self._down_since = None
        elif self._down_since is None:
            self._down_since = anyio.current_time()
        self.conditions = conditions
        for event in self._waiting:
            event.set()

    def lost(self) -> bool:
        """Whether a packet sent now gets lost."""
        return not self.conditions.up or (self.conditions.loss > 0 and self._chance.random() < self.conditions.loss)

    def arrival(self) -> float:
        """When something that is repeated until it gets through arrives, if the link stays up."""
        delay = self.conditions.delay_seconds
        for _ in range(_LONGEST_LUCKLESS):
            if self._chance.random() >= self.conditions.loss:
                break
            delay += 2 * self.conditions.delay_seconds
        return anyio.current_time() + delay

    def seconds_until(self, arrival: float) -> float:
        """How long until that is there; infinite while the link is down."""
        if self._down_since is not None and arrival > self._down_since:
            return inf
        return arrival - anyio.current_time()

    async def changed(self, event: anyio.Event, seconds: float) -> None:
        """Wait for the event or a change of the link, so long at most."""
        self._waiting.add(event)
        try:
            with anyio.move_on_after(seconds):
                await event.wait()
        finally:
            self._waiting.discard(event)


class Mail(Generic[T]):
    """Things on their way along a link, in order."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._items: deque[tuple[float, T]] = deque()
        self._error: Callable[[], CrofterError] | None = None
        self._event: anyio.Event | None = None

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Send it; it arrives after all that was sent before it."""
        arrival = self._link.arrival()
        if self._items:
            arrival = max(arrival, self._items[-1][0])
        self._items.append((arrival, item))
        self._wake()

    def drop_oldest(self) -> None:
        """Lose what would come next."""
        self._items.popleft()

    def clear(self) -> None:
        """Lose everything on the way."""
        self._items.clear()

    def fail(self, error: Callable[[], CrofterError]) -> None:
        """From now on `get` raises it, and what was on the way is lost."""
        self._error = error
        self._items.clear()
        self._wake()

    async def get(self) -> T:
        """Wait for the next one. Cancelled, it stays."""
        while True:
            if self._error is not None:
                raise self._error()
            seconds = self._link.seconds_until(self._items[0][0]) if self._items else inf
            if seconds <= 0:
                return self._items.popleft()[1]
            self._event = anyio.Event()
            await self._link.changed(self._event, seconds)

    def _wake(self) -> None:
        if self._event is not None:
            self._event.set()
