"""The hub as a supplier of groups of tensors."""

import threading
from collections.abc import Callable

import anyio.from_thread
import anyio.to_thread

from crofter.models import PartialModel, RemoteLine, RemoteModel, TensorGroup

from .fetching import Come


class _StoppedError(Exception):
    """Nobody waits for it any more."""


class FromHub:
    """A `Supplier`; to be closed. `rate`: bytes a second, 0 for no limit; asked again and again."""

    def __init__(self, remote: RemoteModel, rate: Callable[[], int]) -> None:
        self._remote = remote
        self._rate = rate
        self._idle: list[RemoteLine] = []

    async def bring(self, model: PartialModel, group: TensorGroup, come: Come) -> None:
        """See `Supplier`."""
        writing = threading.Lock()
        left = threading.Event()

        def take(data: bytes) -> None:
            with writing:
                if left.is_set():
                    raise _StoppedError
                model.add(group, data)
            anyio.from_thread.run_sync(come, len(data))
            if rate := self._rate():
                left.wait(len(data) / rate)

        def pause(seconds: float) -> None:
            if left.wait(seconds):
                raise _StoppedError

        line = self._idle.pop() if self._idle else self._remote.line()
        try:
            await anyio.to_thread.run_sync(_read, model, group, line, take, pause, abandon_on_cancel=True)
        except BaseException:
            # A thread that was left behind adds nothing from here on.
            with writing:
                left.set()
            line.interrupt()
            raise
        self._idle.append(line)

    def close(self) -> None:
        """Hang up."""
        while self._idle:
            self._idle.pop().close()


def _read(
    model: PartialModel,
    group: TensorGroup,
    line: RemoteLine,
    take: Callable[[bytes], None],
    pause: Callable[[float], None],
) -> None:
    """Add what is missing of a group, as its manifest lays it out: tensors with zeros between."""
    position = model.begun_bytes(group)
    for entry in group.tensors:
        if position < entry.offset:
            take(bytes(entry.offset - position))
            position = entry.offset
        stop = entry.offset + entry.size_bytes
        if position < stop:
            line.read(entry, position - entry.offset, take, pause)
            position = stop
