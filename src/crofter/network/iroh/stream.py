"""A stream of a QUIC connection."""

from collections.abc import Callable

import anyio
from iroh import BiStream, IrohError

from crofter.core import CrofterError
from crofter.network.transport import StreamClosedError

from .errors import stream_error

_LARGEST_WRITE_BYTES = 1024 * 1024
"""What crosses into the library at once, and so is held there twice."""
_CLOSING_SECONDS = 1.0


class IrohStream:
    """See `Stream`. `lost` says why the connection ended, if it did."""

    def __init__(self, stream: BiStream, lost: Callable[[], CrofterError | None]) -> None:
        self._send = stream.send()
        self._receive = stream.recv()
        self._lost = lost
        self._stopped = False
        self._held = False
        """Whether an exception may hold the library's halves of the stream, so that they would not end with this object's."""

    async def read(self, limit_bytes: int) -> bytes:
        if self._stopped:
            raise self._lost() or StreamClosedError("reading was stopped here")
        try:
            return await self._receive.read(limit_bytes)
        except IrohError as error:
            self._held = True
            raise stream_error(error, self._lost()) from error
        except BaseException:
            self._held = True
            raise

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        try:
            if len(data) <= _LARGEST_WRITE_BYTES:
                await self._send.write_all(bytes(data))
                return
            view = memoryview(data)
            for start in range(0, len(view), _LARGEST_WRITE_BYTES):
                await self._send.write_all(bytes(view[start : start + _LARGEST_WRITE_BYTES]))
        except IrohError as error:
            self._held = True
            raise stream_error(error, self._lost()) from error
        except BaseException:
            self._held = True
            raise

    async def finish(self) -> None:
        try:
            await self._send.finish()
        except IrohError:
            return  # over already

    async def drain(self) -> None:
        try:
            code = await self._send.stopped()
        except IrohError as error:
            raise stream_error(error, self._lost()) from error
        if code is not None:
            raise StreamClosedError(f"the peer reads no more (code {code})", code)

    async def reset(self, code: int) -> None:
        with anyio.move_on_after(_CLOSING_SECONDS, shield=True):
            try:
                await self._send.reset(code)
            except IrohError:
                return

    async def stop(self, code: int) -> None:
        self._stopped = True
        with anyio.move_on_after(_CLOSING_SECONDS, shield=True):
            try:
                await self._receive.stop(code)
            except IrohError:
                return

    async def close(self) -> None:
        if self._held:
            await self.finish()
            await self.stop(0)
        else:
            # The library finishes the one half and stops the other when it is let go, at once and without being waited for.
            del self._send, self._receive

    async def set_priority(self, priority: int) -> None:
        try:
            await self._send.set_priority(priority)
        except IrohError as error:
            raise stream_error(error, self._lost()) from error
