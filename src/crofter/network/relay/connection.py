"""One connection to a relay: HTTP first, then WebSocket, then a client that is proven. What comes is dealt with at once.

The only file that imports websockets, and of that only the part without input and output.
"""

import asyncio
import logging
import secrets
import socket
from collections.abc import Callable
from typing import cast

from websockets.datastructures import Headers
from websockets.frames import DATA_OPCODES, CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from crofter.core import NodeId

from .challenge import is_proven
from .frames import CHALLENGE_BYTES, MOST_FRAME_BYTES, challenge, ping, read_answer, refused, restarting, welcome
from .plan import PING_SECONDS, SILENT_SECONDS, UNPROVEN_SECONDS, Budget
from .switch import RelayCounts, Switch

_VERSION_2 = Subprotocol("iroh-relay-v2")
_VERSIONS = [_VERSION_2, Subprotocol("iroh-relay-v1")]
_MOST_UNPROVEN_BYTES = 16 * 1024
_MOST_WAITING_BYTES = 1024 * 1024
"""On their way to one client. What comes on top is dropped, which the nodes' QUIC takes for a full line."""
_RECONNECT_MILLISECONDS = 1_000
_TRY_MILLISECONDS = 5_000

_library_logger = logging.getLogger("crofter.network.relay")
_library_logger.setLevel(logging.WARNING)  # at INFO the library has a line for each connection, at DEBUG for each frame


class RelayDesk:
    """What all connections of one relay share."""

    def __init__(self, switch: Switch, budget: Budget, counts: RelayCounts, observer: Callable[[], bytes]) -> None:
        """`observer` gives the JSON that tells where this node's own endpoint can be asked what address it sees."""
        self.switch = switch
        self.budget = budget
        self.counts = counts
        self.observer = observer
        self.open: dict[RelayConnection, None] = {}
        """In the order they came."""

    def unproven(self) -> "list[RelayConnection]":
        """Those that have not said who they are, the oldest first."""
        return [connection for connection in self.open if not connection.proven]


class RelayConnection(asyncio.Protocol):
    """A `Client` of the switch once it is proven."""

    def __init__(self, desk: RelayDesk) -> None:
        self._desk = desk
        self._websocket = ServerProtocol(subprotocols=_VERSIONS, max_size=MOST_FRAME_BYTES, logger=_library_logger)
        self._challenge = secrets.token_bytes(CHALLENGE_BYTES)
        self._node_id: NodeId | None = None
        self._received_bytes = 0
        self._loop = asyncio.get_running_loop()
        self._opened_at = self._heard_at = self._pinged_at = self._loop.time()
        self._resuming: asyncio.TimerHandle | None = None

    @property
    def proven(self) -> bool:
        """Whether it is known whose it is."""
        return self._node_id is not None

    @property
    def knows_status(self) -> bool:
        return self._websocket.subprotocol == _VERSION_2

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        # Small packets may not wait for each other: without this an echo takes 90 ms.
        self._transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._desk.open[self] = None

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._desk.open.pop(self, None)
        if self._resuming is not None:
            self._resuming.cancel()
        if self._node_id is not None:
            self._desk.switch.leave(self._node_id, self)
            self._desk.budget.forget(self._node_id)

    def data_received(self, data: bytes) -> None:
        self._heard_at = self._loop.time()
        self._received_bytes += len(data)
        if not self.proven and self._received_bytes > _MOST_UNPROVEN_BYTES:
            self.end()
            return
        self._websocket.receive_data(data)
        for event in self._websocket.events_received():
            if isinstance(event, Request):
                self._websocket.send_response(self._reply(event))
                if self._websocket.state is OPEN:
                    self._websocket.send_binary(challenge(self._challenge))
            elif isinstance(event, Frame) and self._websocket.state is OPEN:
                self._take(event)
        self._flush()
        self._hold_back(len(data))

    def send(self, frame: bytes) -> bool:
        waiting = self._transport.get_write_buffer_size()
        if waiting > _MOST_WAITING_BYTES or self._websocket.state is not OPEN or self._transport.is_closing():
            return False
        self._websocket.send_binary(frame)
        self._flush()
        return True

    def end(self) -> None:
        self._transport.abort()

    def farewell(self) -> None:
        """The relay ends: say so, and close."""
        if self.proven:
            self.send(restarting(_RECONNECT_MILLISECONDS, _TRY_MILLISECONDS))
        self._transport.close()

    def review(self) -> None:
        """End it if it says nothing any more, or has not said who it is; ask whether it is there."""
        now = self._loop.time()
        if now - self._heard_at > SILENT_SECONDS or (not self.proven and now - self._opened_at > UNPROVEN_SECONDS):
            self.end()
        elif self.proven and now - max(self._heard_at, self._pinged_at) > PING_SECONDS:
            self._pinged_at = now
            self.send(ping(bytes(8)))

    def _reply(self, request: Request) -> Response:
        match request.path.partition("?")[0]:
            case "/relay":
                return self._websocket.accept(request)
            case "/ping":
                return _response(200)
            case "/generate_204":
                asked = request.headers.get("X-Iroh-Challenge")
                return _response(204, ("X-Iroh-Response", f"response {asked}") if asked else None)
            case "/observer":
                return _response(200, ("Content-Type", "application/json"), self._desk.observer())
            case _:
                return _response(404)

    def _take(self, frame: Frame) -> None:
        if frame.opcode not in DATA_OPCODES:
            return  # answered by the library
        try:
            if frame.opcode is not Opcode.BINARY or not frame.fin:
                raise ValueError("not one whole binary message")
            if self._node_id is None:
                self._prove(bytes(frame.data))
            else:
                self._desk.switch.take(self._node_id, self, bytes(frame.data))
        except ValueError as error:
            self._desk.counts.refused += 1
            self._websocket.fail(CloseCode.PROTOCOL_ERROR, str(error))

    def _prove(self, frame: bytes) -> None:
        answer = read_answer(frame)
        reason = "this is not your key"
        if is_proven(answer, self._challenge):
            # First the welcome: what others send may come the moment the switch knows of it.
            reason = self._desk.switch.refusal(answer.node_id)
        if reason is not None:
            self._desk.counts.refused += 1
            self._websocket.send_binary(refused(reason))
            self._websocket.fail(CloseCode.POLICY_VIOLATION)
            return
        self._node_id = answer.node_id
        self._websocket.send_binary(welcome())
        self._desk.switch.enter(answer.node_id, self)

    def _hold_back(self, size_bytes: int) -> None:
        """Read no more for a while from who sends more than its share: its own line fills up then, and nothing here."""
        if self._node_id is None or self._transport.is_closing():
            return
        wait = self._desk.budget.charge(self._node_id, size_bytes)
        if wait > 0:
            self._transport.pause_reading()
            self._resuming = self._loop.call_later(wait, self._resume)

    def _resume(self) -> None:
        self._resuming = None
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _flush(self) -> None:
        for data in self._websocket.data_to_send():
            if self._transport.is_closing():
                return
            if data:
                self._transport.write(data)
            else:
                self._transport.close()
        # Only the library's own answers can come to this: who has them sent and reads none is not worth a queue.
        if self._transport.get_write_buffer_size() > 2 * _MOST_WAITING_BYTES:
            self.end()


def _response(code: int, header: tuple[str, str] | None = None, body: bytes = b"") -> Response:
    headers = Headers([("Connection", "close"), *([header] if header else ())])
    if code != 204:
        headers["Content-Length"] = str(len(body))
    reasons = {200: "OK", 204: "No Content", 404: "Not Found"}
    return Response(code, reasons[code], headers, body)
