"""Who is connected to a relay, and what goes from whom to whom. Knows no socket."""

from typing import Protocol

import msgspec

from crofter.core import NodeId

from .frames import Datagrams, Ping, delivered, gone, pong, read_frame, status
from .plan import RelayRules, is_allowed, refusal

_MOST_PER_NODE = 2
_MOST_TOLD = 64
"""Clients that hear when one leaves that has sent them something."""


class Client(Protocol):
    """A connection whose node is proven."""

    @property
    def knows_status(self) -> bool:
        """Whether it speaks version 2 of the protocol."""
        ...

    def send(self, frame: bytes) -> bool:
        """Never waits: False if so much is on its way already that the frame was dropped."""
        ...

    def end(self) -> None:
        """Close it."""
        ...


class RelayCounts(msgspec.Struct):
    """What a relay has done since it started."""

    clients: int = 0
    """Nodes connected now."""
    passed: int = 0
    """Frames that reached their destination's connection."""
    bytes: int = 0
    """Of those frames."""
    dropped: int = 0
    """Frames whose destination is not here, or does not keep up."""
    refused: int = 0
    """Connections of nodes that may not use it, or did not prove who they are."""


class Switch:
    """The clients of one relay."""

    def __init__(self, own_id: NodeId, rules: RelayRules, counts: RelayCounts) -> None:
        """The relay's own node may always use it."""
        self._own_id = own_id
        self._rules = rules
        self._counts = counts
        self._clients: dict[NodeId, list[Client]] = {}
        """The last one is in use; another may wait behind it."""
        self._strangers: set[NodeId] = set()
        """Of the clients, those who were not trusted when they came."""
        self._told: dict[NodeId, set[NodeId]] = {}

    def refusal(self, node_id: NodeId) -> str | None:
        """Why this node may not come in now; None: it may. A connection that it has already does not count against it."""
        if node_id == self._own_id:
            return None
        return refusal(
            self._rules.standing(node_id),
            for_everyone=self._rules.for_everyone,
            clients=len(self._clients.keys() - {node_id}),
            strangers=len(self._strangers - {node_id}),
        )

    def enter(self, node_id: NodeId, client: Client) -> None:
        """Take in a client that is not refused. A newer connection of the same node takes the older one's place.

        The older one stays behind it: two copies of one node that threw each other out would do so without end.
        """
        if self._rules.standing(node_id) != "trusted":
            self._strangers.add(node_id)
        others = self._clients.setdefault(node_id, [])
        if others and others[-1].knows_status:
            others[-1].send(status(replaced=True))
        others.append(client)
        if len(others) > _MOST_PER_NODE:
            others.pop(0).end()
        self._counts.clients = len(self._clients)

    def leave(self, node_id: NodeId, client: Client) -> None:
        """A client's connection has ended."""
        clients = self._clients.get(node_id, [])
        if client not in clients:
            return
        was_in_use = clients[-1] is client
        clients.remove(client)
        if clients:
            if was_in_use and clients[-1].knows_status:
                clients[-1].send(status(replaced=False))
            return
        del self._clients[node_id]
        self._strangers.discard(node_id)
        self._counts.clients = len(self._clients)
        for other in self._told.pop(node_id, ()):
            if there := self._clients.get(other):
                there[-1].send(gone(node_id))

    def take(self, node_id: NodeId, client: Client, frame: bytes) -> None:
        """Do what a client says. Raises ValueError for what no client says."""
        match read_frame(frame):
            case Datagrams() as datagrams:
                self._pass_on(node_id, datagrams)
            case Ping(payload=payload):
                client.send(pong(payload))
            case _:
                return  # it is there

    def review(self) -> None:
        """End those whom the owner has ceased to let in."""
        for node_id, clients in list(self._clients.items()):
            allowed = is_allowed(self._rules.standing(node_id), for_everyone=self._rules.for_everyone)
            if not allowed and node_id != self._own_id:
                for client in list(clients):
                    client.end()

    def _pass_on(self, source: NodeId, datagrams: Datagrams) -> None:
        there = self._clients.get(datagrams.destination)
        frame = delivered(source, datagrams)
        if not there or not there[-1].send(frame):
            self._counts.dropped += 1
            return
        self._counts.passed += 1
        self._counts.bytes += len(frame)
        told = self._told.setdefault(source, set())
        if len(told) < _MOST_TOLD:
            told.add(datagrams.destination)
