"""Notices within four seconds that a peer is gone, on connections in use. Idle ones cost nothing.

Datagrams of one byte: whoever uses a connection asks every second, and the other side answers. Nothing else is sent as a datagram.
"""

from collections.abc import Generator
from contextlib import contextmanager

import anyio

from crofter.core import CrofterError, ErrorCode

from .plan import BEAT_SECONDS, DEAD_SECONDS, begun, heard, woken
from .transport import Connection

_ASK = b"?"
_ANSWER = b"!"
_ANSWERS_A_BEAT = 4


class Liveness:
    """Of one connection. `run` lives as long as the connection, on both sides; `used` says when it matters."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._users = 0
        self._in_use = anyio.Event()
        self._pulse = begun(0.0)
        self._answered: list[float] = []

    @contextmanager
    def used(self) -> Generator[None]:
        """While this is open, a peer that falls silent ends the connection with PEER_LOST."""
        self._users += 1
        if self._users == 1:
            self._in_use.set()
        try:
            yield
        finally:
            self._users -= 1
            if self._users == 0:
                self._in_use = anyio.Event()

    async def run(self) -> None:
        """Ask, answer and listen until the connection ends."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._beat, name="heartbeats")
            try:
                while True:
                    self._heard(await self._connection.receive_datagram())
            except CrofterError:
                tasks.cancel_scope.cancel()

    def _heard(self, datagram: bytes) -> None:
        now = anyio.current_time()
        self._pulse = heard(self._pulse, now)
        if datagram == _ASK:
            # A peer that asks all the time is not answered all the time.
            self._answered = [at for at in self._answered if at > now - BEAT_SECONDS]
            if len(self._answered) < _ANSWERS_A_BEAT:
                self._answered.append(now)
                self._connection.send_datagram(_ANSWER)

    async def _beat(self) -> None:
        try:
            while True:
                await self._in_use.wait()
                self._pulse = begun(anyio.current_time())
                while self._users:
                    self._pulse, what = woken(self._pulse, anyio.current_time())
                    if what == "dead":
                        message = f"the peer has been silent for {DEAD_SECONDS:g} s"
                        self._connection.close(CrofterError(ErrorCode.PEER_LOST, message))
                        return
                    if what == "beat":
                        self._connection.send_datagram(_ASK)
                    await anyio.sleep(max(0.0, self._pulse.wake_at - anyio.current_time()))
        except CrofterError:
            return  # the connection has ended; `run` learns it too
