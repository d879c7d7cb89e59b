"""Gossip at work: beats, what is passed on, and connections that are kept for it. `gossip.py` decides, this sends."""

from collections import deque
from collections.abc import Callable
from contextlib import suppress

import anyio

from crofter.core import CrofterError
from crofter.network.kinds import Caller
from crofter.network.peers import Peers
from crofter.network.wire import GOSSIP

from .gossip import BEAT_SECONDS, Gossip, Sending
from .messages import Told, Wanted

RECORD_TOPIC = "record"
ANNOUNCE_SECONDS = 10.0
"""Between two records of this node's: 30 in the window of rumours, of which others remember 64."""
_MOST_WAITING = 256
"""What would be more displaces the oldest: who misses something asks for it when it is offered."""
_SENDERS = 8
_SENDING_SECONDS = 5.0
_KEPT_FOR_SECONDS = 8.0
"""A neighbour that nothing was said to for so long gets a word, so that the connection is not closed as idle."""


class Chatter:
    """Hears what others tell, and sends while `run` runs."""

    def __init__(self, peers: Peers, gossip: Gossip, clock: Callable[[], float] = anyio.current_time) -> None:
        """`clock` tells seconds of a steady clock."""
        self._peers = peers
        self._gossip = gossip
        self._clock = clock
        self._announced = b""
        self._announced_at = float("-inf")
        self._outbox: deque[Sending] = deque(maxlen=_MOST_WAITING)
        self._posted = anyio.Event()

    def announce(self, record: bytes) -> None:
        """Tell everybody this node's record of now, if it is another than the last: at once, then at most every ten seconds.

        To be called again and again: what could not be told yet is told by a later call.
        """
        now = self._clock()
        if record == self._announced or now < self._announced_at + ANNOUNCE_SECONDS:
            return
        self._announced_at = now
        # All that is remembered may be what others say, or this node's from before a restart: then a later call finds room.
        with suppress(ValueError):
            self._send(self._gossip.publish(RECORD_TOPIC, record))
            self._announced = record

    async def run(self) -> None:
        """Until cancelled."""
        async with anyio.create_task_group() as tasks:
            for _ in range(_SENDERS):
                tasks.start_soon(self._deliver, name="gossip")
            while True:
                lines = self._peers.lines()
                self._gossip.set_connected([line.node_id for line in lines])
                self._send(self._gossip.beat())
                now = anyio.current_time()
                silent = {line.node_id for line in lines if now - line.used_at > _KEPT_FOR_SECONDS and not line.busy}
                self._send([Sending(node_id, Told()) for node_id in self._gossip.active_view if node_id in silent])
                await anyio.sleep(BEAT_SECONDS)

    async def told(self, caller: Caller, message: Told) -> Wanted:
        """See GOSSIP."""
        wanted, sendings = self._gossip.told(caller.node_id, message)
        self._send(sendings)
        return wanted

    def _send(self, sendings: list[Sending]) -> None:
        self._outbox.extend(sendings)
        if sendings:
            self._posted.set()

    async def _deliver(self) -> None:
        while True:
            while self._outbox:
                node_id, message = self._outbox.popleft()
                # Whoever cannot be told hears it from others, or asks when it is offered.
                with suppress(CrofterError):
                    wanted = await self._peers.call(node_id, GOSSIP, message, timeout_seconds=_SENDING_SECONDS)
                    self._send(self._gossip.answered(node_id, wanted))
            if self._posted.is_set():
                self._posted = anyio.Event()
            await self._posted.wait()
