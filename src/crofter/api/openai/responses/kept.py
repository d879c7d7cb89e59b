"""Responses kept in memory, so that a later one can go on from them. Bounded; gone when the node stops; nothing is written to disk."""

from collections import OrderedDict
from collections.abc import Callable

import msgspec

from crofter.core import CrofterError, ErrorCode

from .items import Response
from .wire import InputItem

_MOST_RESPONSES = 256
_MOST_BYTES = 32 * 1024 * 1024


class KeptResponse(msgspec.Struct, kw_only=True):
    """A response and the items it answered, those of earlier responses included."""

    response: Response
    items: list[InputItem]
    size_bytes: int


class KeptResponses:
    """The newest ones that fit. Used by one event loop."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, KeptResponse] = OrderedDict()
        self._size_bytes = 0
        self._running: dict[str, Callable[[], None]] = {}

    def keep(self, response: Response, items: list[InputItem]) -> None:
        """Remember a finished response; the oldest make room."""
        size_bytes = len(msgspec.json.encode((response, items)))
        self._kept[response.id] = KeptResponse(response=response, items=items, size_bytes=size_bytes)
        self._size_bytes += size_bytes
        while len(self._kept) > _MOST_RESPONSES or (self._size_bytes > _MOST_BYTES and len(self._kept) > 1):
            _, oldest = self._kept.popitem(last=False)
            self._size_bytes -= oldest.size_bytes

    def get(self, response_id: str) -> KeptResponse:
        """Raises NOT_FOUND."""
        kept = self._kept.get(response_id)
        if kept is None:
            message = (
                f"there is no response {response_id[:64]!r}; this node keeps the last {_MOST_RESPONSES}, until it stops"
            )
            raise CrofterError(ErrorCode.NOT_FOUND, message, parameter="previous_response_id")
        return kept

    def forget(self, response_id: str) -> None:
        """Raises NOT_FOUND."""
        self._size_bytes -= self.get(response_id).size_bytes
        del self._kept[response_id]

    def conversation(self, previous_response_id: str | None) -> list[InputItem]:
        """The items that a response going on from this one begins with. Raises NOT_FOUND."""
        if previous_response_id is None:
            return []
        kept = self.get(previous_response_id)
        return [*kept.items, *(item.as_input() for item in kept.response.output)]

    def started(self, response_id: str, cancel: Callable[[], None]) -> None:
        """A response is being written, and this stops it."""
        self._running[response_id] = cancel

    def ended(self, response_id: str) -> None:
        """It is not any more."""
        self._running.pop(response_id, None)

    def cancel(self, response_id: str) -> bool:
        """Stop a response being written; whether there was one."""
        cancel = self._running.get(response_id)
        if cancel is not None:
            cancel()
        return cancel is not None
