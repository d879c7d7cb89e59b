"""One connection in memory: two ends that know each other."""

from collections.abc import Callable
from typing import Self

import anyio

from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.network.transport import MAXIMUM_DATAGRAM_BYTES, MAXIMUM_STREAMS, Path

from .link import Link, Mail
from .stream import MemoryStream, Pipe

_DATAGRAMS_KEPT = 64


class MemoryConnection:
    """One end. `on_closed` is called once, when this end has learnt that it is over."""

    def __init__(self, remote_id: NodeId, remote_address: str, link: Link, on_closed: Callable[[Self], None]) -> None:
        self.remote_id = remote_id
        self._remote_address = remote_address
        self._link = link
        self._on_closed = on_closed
        self._peer = self
        self._streams: Mail[MemoryStream] = Mail(link)
        self._datagrams: Mail[bytes] = Mail(link)
        self._may_open = anyio.Semaphore(MAXIMUM_STREAMS)
        self._pipes: dict[Pipe, bool] = {}
        """Those of open streams, and whether this end writes."""
        self._error: CrofterError | None = None
        self._closed = anyio.Event()

    def join(self, peer: Self) -> None:
        """Make the two one connection."""
        self._peer, peer._peer = peer, self

    async def open_stream(self) -> MemoryStream:
        self._check()
        await self._may_open.acquire()
        self._check()
        left = 2

        def over() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                self._may_open.release()
                for pipe in (outgoing, incoming):
                    self._pipes.pop(pipe, None)
                    self._peer._pipes.pop(pipe, None)

        outgoing, incoming = Pipe(self._link, over), Pipe(self._link, over)
        self._pipes |= {outgoing: True, incoming: False}
        self._peer._pipes |= {outgoing: False, incoming: True}
        theirs = MemoryStream(incoming, outgoing)
        return MemoryStream(outgoing, incoming, announce=lambda: self._peer._streams.put(theirs))

    async def accept_stream(self) -> MemoryStream:
        return await self._streams.get()

    def send_datagram(self, data: bytes) -> None:
        self._check()
        if len(data) > MAXIMUM_DATAGRAM_BYTES:
            raise ValueError(f"{len(data)} bytes do not fit into a datagram")
        if self._link.lost() or self._peer._error is not None:
            return
        if len(self._peer._datagrams) >= _DATAGRAMS_KEPT:
            self._peer._datagrams.drop_oldest()
        self._peer._datagrams.put(data)

    async def receive_datagram(self) -> bytes:
        return await self._datagrams.get()

    def paths(self) -> tuple[Path, ...]:
        if self._error is not None:
            return ()
        round_trip_ms = 2e3 * self._link.conditions.delay_seconds
        return (Path(remote_address=self._remote_address, relayed=False, selected=True, round_trip_ms=round_trip_ms),)

    async def wait_closed(self) -> CrofterError:
        await self._closed.wait()
        return self._gone()

    def close(self, error: CrofterError | None = None) -> None:
        if self._error is not None:
            return
        refused = error is not None and error.code is ErrorCode.PEER_REFUSED
        self._end(error or CrofterError(ErrorCode.PEER_LOST, "the connection was closed here"))
        if self._link.conditions.up:
            self._peer._end(_told(refused=refused))

    def _end(self, error: CrofterError) -> None:
        if self._error is not None:
            return
        self._error = error
        for pipe, writes in self._pipes.items():
            pipe.lose(self._gone, reader=not writes, writer=writes)
        self._pipes.clear()
        self._streams.fail(self._gone)
        self._datagrams.fail(self._gone)
        self._closed.set()
        for _ in range(self._may_open.statistics().tasks_waiting):
            self._may_open.release()
        self._on_closed(self)

    def _check(self) -> None:
        if self._error is not None:
            raise self._gone()

    def _gone(self) -> CrofterError:
        """A new one each time: the same exception raised in several tasks would collect their tracebacks."""
        assert self._error is not None  # noqa: S101 - asked only then
        return CrofterError(self._error.code, self._error.message)


def _told(*, refused: bool) -> CrofterError:
    if refused:
        return CrofterError(ErrorCode.PEER_REFUSED, "the peer does not take this connection")
    return CrofterError(ErrorCode.PEER_LOST, "the peer closed the connection")
