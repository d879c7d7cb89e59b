"""Gossip for the control plane: what one node says reaches all, each passing it on to five and offering it to whoever missed it.

Eager pushes alone lose some (93 % arrived with four neighbours); so every beat tells one neighbour which rumours are here, and that
one asks for what it lacks. Nothing here waits or sends: each call says what to send, so that a simulation runs the same code.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from crofter.core import NodeId
from crofter.trust import Identity

from .messages import MOST_OFFERED, MOST_PUSHED, Told, Wanted
from .rumours import WINDOW_SECONDS, Rumour, RumourRefusal, read_rumour, rumour_id, sign_rumour

ACTIVE_VIEW = 5
BEAT_SECONDS = 1.0
MOST_REMEMBERED = 4_096
"""Rumours of the last minutes; at most about 6 MB. Those that would be more are refused, not put in the place of others."""
MOST_OF_ONE = 64
"""How many of one origin are remembered at a time, so that one node cannot fill the rest."""


class Sending(NamedTuple):
    """What to send to whom; the answer goes to `answered`."""

    node_id: NodeId
    message: Told


class _Heard(NamedTuple):
    content: bytes
    origin: NodeId
    until: float


class Gossip:
    """One node's part in it. `deliver` gets each rumour of others once."""

    def __init__(
        self,
        identity: Identity,
        network: bytes,
        *,
        deliver: Callable[[Rumour], None],
        clock: Callable[[], float],
        seed: int | None = None,
    ) -> None:
        """`network` is our tag, `clock` tells Unix seconds, `seed` makes the choice of neighbours repeatable."""
        self._identity = identity
        self._network = network
        self._deliver = deliver
        self._clock = clock
        self._chance = random.Random(seed)  # noqa: S311 - which neighbours are told first is no secret
        self._heard: dict[bytes, _Heard] = {}
        self._of_origin: Counter[NodeId] = Counter()
        self._connected: list[NodeId] = []
        self._view: list[NodeId] = []
        self.refusals: Final[Counter[RumourRefusal]] = Counter()
        """How many rumours were not taken, and why."""

    @property
    def active_view(self) -> tuple[NodeId, ...]:
        """Those who are told at once."""
        return tuple(self._view)

    def set_connected(self, connected: Iterable[NodeId]) -> None:
        """Who can be told now. The view keeps who is still there: always other neighbours cost ten times as much."""
        self._connected = list(connected)
        self._view = [node_id for node_id in self._view if node_id in self._connected]
        others = [node_id for node_id in self._connected if node_id not in self._view]
        self._view += self._chance.sample(others, min(ACTIVE_VIEW - len(self._view), len(others)))

    def publish(self, topic: str, payload: bytes) -> list[Sending]:
        """Tell everybody. Raises ValueError for what is too large, and if this node, or all together, have said too much lately."""
        now = self._clock()
        self._forget(now)
        rumour = Rumour(
            origin=self._identity.node_id,
            network=self._network,
            signed_at=int(now * 1000),
            topic=topic,
            payload=payload,
        )
        content = sign_rumour(self._identity, rumour)
        if not self._remember(content, rumour):
            raise ValueError("too much was said in the last minutes; others would not listen")
        return self._push([content], besides=None)

    def told(self, teller: NodeId, message: Told) -> tuple[Wanted, list[Sending]]:
        """The handler: what another node said, the answer to it, and what to pass on."""
        self._forget(self._clock())
        new = [content for content in message.rumours if self._take(content)]
        wanted = tuple(name for name in dict.fromkeys(message.have) if name not in self._heard)
        return Wanted(names=wanted[:MOST_PUSHED]), self._push(new, besides=teller)

    def answered(self, node_id: NodeId, wanted: Wanted) -> list[Sending]:
        """What to send to a node that lacks these."""
        contents = [heard.content for name in wanted.names if (heard := self._heard.get(name)) is not None]
        return [Sending(node_id, Told(rumours=tuple(contents)))] if contents else []

    def beat(self) -> list[Sending]:
        """Once in BEAT_SECONDS: offer what was heard last to one of all connected nodes, in the view or not."""
        self._forget(self._clock())
        if not self._heard or not self._connected:
            return []
        names = list(self._heard)
        # The latest, and some of the rest: whoever missed one long ago hears of it too.
        latest, rest = names[-MOST_OFFERED // 2 :], names[: -MOST_OFFERED // 2]
        offered = latest + self._chance.sample(rest, min(MOST_OFFERED - len(latest), len(rest)))
        return [Sending(self._chance.choice(self._connected), Told(have=tuple(offered)))]

    def __len__(self) -> int:
        """How many rumours are remembered."""
        return len(self._heard)

    def _take(self, content: bytes) -> bool:
        """Whether it is new and true; costs a signature only if it is new."""
        if rumour_id(content) in self._heard:
            return False
        rumour = read_rumour(content, network=self._network, now=self._clock())
        if isinstance(rumour, str):
            self.refusals[rumour] += 1
            return False
        if not self._remember(content, rumour):
            self.refusals["too many"] += 1
            return False
        self._deliver(rumour)
        return True

    def _remember(self, content: bytes, rumour: Rumour) -> bool:
        if len(self._heard) >= MOST_REMEMBERED or self._of_origin[rumour.origin] >= MOST_OF_ONE:
            return False
        until = rumour.signed_at / 1000 + WINDOW_SECONDS
        self._heard[rumour_id(content)] = _Heard(content, rumour.origin, until)
        self._of_origin[rumour.origin] += 1
        return True

    def _forget(self, now: float) -> None:
        """Drop what nobody would take any more."""
        for name in [name for name, heard in self._heard.items() if heard.until <= now]:
            origin = self._heard.pop(name).origin
            self._of_origin[origin] -= 1
            if not self._of_origin[origin]:
                del self._of_origin[origin]

    def _push(self, contents: list[bytes], besides: NodeId | None) -> list[Sending]:
        return [
            Sending(node_id, Told(rumours=tuple(contents))) for node_id in self._view if contents and node_id != besides
        ]
