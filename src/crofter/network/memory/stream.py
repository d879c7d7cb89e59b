"""One stream in memory: two pipes, each with a window that bounds what is under way."""

from collections.abc import Callable

import anyio

from crofter.core import CrofterError
from crofter.network.transport import StreamClosedError

from .link import Link, Mail

WINDOW_BYTES = 1024 * 1024


class Reset(int):
    """The code with which the writer broke off."""


class Pipe:
    """One direction of a stream. `on_over` is called once, when neither side needs it any more."""

    def __init__(self, link: Link, on_over: Callable[[], None]) -> None:
        self._mail: Mail[bytes | Reset | None] = Mail(link)
        self._link = link
        self._on_over: Callable[[], None] | None = on_over
        self._rest = b""
        self._under_way_bytes = 0
        self._room = anyio.Event()
        self._received = anyio.Event()
        self._finished = False
        self._write_error: Callable[[], CrofterError] | None = None
        self._ended = False

    async def read(self, limit_bytes: int) -> bytes:
        if not self._rest and not self._ended:
            item = await self._mail.get()
            if isinstance(item, Reset):
                code = int(item)
                self._mail.fail(lambda: StreamClosedError(f"the peer broke the stream off (code {code})", code))
                return await self.read(limit_bytes)
            if item is None:
                self._ended = True
                self._received.set()
                self._over()
            else:
                self._rest = item
        data, self._rest = self._rest[:limit_bytes], self._rest[limit_bytes:]
        self._under_way_bytes -= len(data)
        self._room.set()
        return data

    async def write(self, data: memoryview) -> None:
        while True:
            self._check_writable()
            room = WINDOW_BYTES - self._under_way_bytes
            if room > 0:
                part, data = data[:room], data[room:]
                self._under_way_bytes += len(part)
                if part:
                    self._mail.put(bytes(part))
                if not data:
                    return
            else:
                self._room = anyio.Event()
                await self._room.wait()

    def finish(self) -> None:
        if self._write_error is None and not self._finished:
            self._finished = True
            self._mail.put(None)

    async def drain(self) -> None:
        await self._received.wait()
        if not self._ended:
            assert self._write_error is not None  # noqa: S101 - nothing else sets the event
            raise self._write_error()

    def reset(self, code: int) -> None:
        if self._write_error is None and not self._ended:
            self._refuse_writes(lambda: StreamClosedError("the stream was broken off here"))
            self._mail.clear()
            self._mail.put(Reset(code))
            self._over()

    def stop(self, code: int) -> None:
        """The reader reads no more."""
        self._rest = b""
        self._mail.fail(lambda: StreamClosedError("reading was stopped here"))
        if self._link.conditions.up:
            self._refuse_writes(lambda: StreamClosedError(f"the peer reads no more (code {code})", code))
        self._over()

    def lose(self, error: Callable[[], CrofterError], *, reader: bool, writer: bool) -> None:
        """The connection is gone, for these."""
        if reader and not self._ended:
            self._rest = b""
            self._mail.fail(error)
        if writer and not self._ended:
            self._refuse_writes(error)

    def _check_writable(self) -> None:
        if self._write_error is not None:
            raise self._write_error()
        if self._finished:
            raise StreamClosedError("the stream was finished here")

    def _refuse_writes(self, error: Callable[[], CrofterError]) -> None:
        self._write_error = self._write_error or error
        self._room.set()
        self._received.set()

    def _over(self) -> None:
        if self._on_over is not None:
            on_over, self._on_over = self._on_over, None
            on_over()


class MemoryStream:
    """One side's view of a stream. `announce` is called before the first byte: only then does the peer learn of it."""

    def __init__(self, outgoing: Pipe, incoming: Pipe, announce: Callable[[], None] | None = None) -> None:
        self._outgoing = outgoing
        self._incoming = incoming
        self._announce = announce

    async def read(self, limit_bytes: int) -> bytes:
        return await self._incoming.read(limit_bytes)

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        self._announced()
        await self._outgoing.write(memoryview(data))

    async def finish(self) -> None:
        self._announced()
        self._outgoing.finish()

    async def drain(self) -> None:
        await self._outgoing.drain()

    async def reset(self, code: int) -> None:
        self._announced()
        self._outgoing.reset(code)

    async def stop(self, code: int) -> None:
        self._announced()
        self._incoming.stop(code)

    async def close(self) -> None:
        await self.finish()
        await self.stop(0)

    async def set_priority(self, priority: int) -> None:
        """Without effect: links here have no bandwidth that streams would have to share."""

    def _announced(self) -> None:
        if self._announce is not None:
            announce, self._announce = self._announce, None
            announce()
