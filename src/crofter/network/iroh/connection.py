"""A QUIC connection to a node."""

from iroh import Connection, IrohError

from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.network.transport import MAXIMUM_DATAGRAM_BYTES, MAXIMUM_STREAMS, Path

from .stream import IrohStream

_CLOSED_CODE = 0
_REFUSED_CODE = 1
_REFUSED_REASON = b"refused"
_CLOSED_REASON = b"closed"


class IrohConnection:
    """See `Connection`."""

    def __init__(self, connection: Connection) -> None:
        self.remote_id = NodeId(connection.remote_id().to_bytes())
        self._connection = connection
        self._error: CrofterError | None = None
        connection.set_max_concurrent_bi_streams(MAXIMUM_STREAMS)
        connection.set_max_concurrent_uni_streams(0)

    async def open_stream(self) -> IrohStream:
        try:
            return IrohStream(await self._connection.open_bi(), self._lost)
        except IrohError as error:
            raise self._gone() from error

    async def accept_stream(self) -> IrohStream:
        try:
            return IrohStream(await self._connection.accept_bi(), self._lost)
        except IrohError as error:
            raise self._gone() from error

    def send_datagram(self, data: bytes) -> None:
        if len(data) > MAXIMUM_DATAGRAM_BYTES:
            raise ValueError(f"{len(data)} bytes do not fit into a datagram")
        try:
            self._connection.send_datagram(data)
        except IrohError as error:
            raise self._gone() from error

    async def receive_datagram(self) -> bytes:
        try:
            return await self._connection.read_datagram()
        except IrohError as error:
            raise self._gone() from error

    def paths(self) -> tuple[Path, ...]:
        if self._lost() is not None:
            return ()
        return tuple(
            Path(
                remote_address=path.remote_addr,
                relayed=path.is_relay,
                selected=path.is_selected,
                round_trip_ms=float(path.rtt_ms),
            )
            for path in self._connection.paths()
        )

    async def wait_closed(self) -> CrofterError:
        await self._connection.closed()
        return self._gone()

    def close(self, error: CrofterError | None = None) -> None:
        if self._lost() is not None:
            return
        self._error = error or CrofterError(ErrorCode.PEER_LOST, "the connection was closed here")
        if self._error.code is ErrorCode.PEER_REFUSED:
            self._connection.close(_REFUSED_CODE, _REFUSED_REASON)
        else:
            self._connection.close(_CLOSED_CODE, _CLOSED_REASON)

    def _gone(self) -> CrofterError:
        return self._lost() or CrofterError(ErrorCode.PEER_LOST, "the connection to the peer failed")

    def _lost(self) -> CrofterError | None:
        """Why the connection ended; None while it is open."""
        if self._error is not None:
            return CrofterError(self._error.code, self._error.message)
        reason = self._connection.close_reason()
        if reason is None:
            return None
        if f"(code {_REFUSED_CODE})" in reason:
            return CrofterError(ErrorCode.PEER_REFUSED, "the peer does not take this connection")
        if "by peer" in reason:
            return CrofterError(ErrorCode.PEER_LOST, "the peer closed the connection")
        return CrofterError(ErrorCode.PEER_LOST, f"the connection to the peer was lost: {reason}")
