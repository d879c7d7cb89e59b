"""This node among others: on the network while it runs, and what its owner can ask about it and of other nodes.

The one implementation of `api.NetworkAdministration`.
"""

import secrets
import time

import anyio
import anyio.to_thread

from crofter.api import (
    Nearby,
    NetworkMap,
    NetworkStatus,
    PeerSummary,
    PingResult,
    ReceivedMessage,
    SentMessage,
    Traffic,
)
from crofter.core import NodeId
from crofter.network import (
    MESSAGE,
    PING,
    Caller,
    NetworkSettings,
    Ping,
    Pong,
    Received,
    TextMessage,
    printable,
)
from crofter.store import MessageRecord
from crofter.trust import fingerprint, readable_id

from .parts import Parts
from .presence import Presence
from .reachability import NodeReachability
from .release import crofter_version
from .surroundings import Surroundings, address_of, path_kind

_SHOWN_MESSAGES = 200


class NodeNetwork:
    """Answers `ping` and `message`; everything else that nodes ask each other is registered by whoever answers it."""

    def __init__(self, parts: Parts, settings: NetworkSettings) -> None:
        self._peers = parts.peers
        self._people = parts.people
        self._messages = parts.messages
        self._identity = parts.identity
        self._own_network = parts.own.network
        self.presence = Presence(parts.peers, parts.rules, parts.own, parts.relays, settings, self._beside)
        self.surroundings = Surroundings(
            parts.identity.node_id, parts.peers, parts.people, parts.whereabouts, parts.discovery
        )
        self._discovery = parts.discovery
        self._reachability = NodeReachability(
            parts.identity.node_id, parts.peers, parts.relays, parts.people.standing, lambda: self.presence.settings
        )
        self._peers.serve(PING, self._answer_ping)
        self._peers.serve(MESSAGE, self._take_message)

    async def _beside(self) -> None:
        """What runs while the node is on the network."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._discovery.run, name="discovery")
            tasks.start_soon(self._reachability.run, name="reachability")

    def status(self) -> NetworkStatus:
        counts, found = self._peers.counts, self._discovery.state()
        return NetworkStatus(
            mode=self.presence.settings.mode,
            state=self.presence.state,
            problem=self.presence.problem,
            id=readable_id(self._identity.node_id),
            network=self._own_network.shown_tag(),
            addresses=self._peers.addresses(),
            connections=len(self._peers.lines()),
            reachability=self._reachability.status(),
            traffic=tuple(
                Traffic(kind=kind, direction=direction, outcome=outcome, count=count)
                for (kind, direction, outcome), count in sorted(counts.requests.items())
            ),
            bytes_in=sum(count for (_, direction), count in counts.bytes.items() if direction == "in"),
            bytes_out=sum(count for (_, direction), count in counts.bytes.items() if direction == "out"),
            layers=found.layers,
            remembered=found.remembered,
            nearby=len(self._discovery.nearby()),
            contacts=found.contacts,
            refused_records=found.refusals,
        )

    def peers(self) -> list[PeerSummary]:
        return self.surroundings.peers()

    def nearby(self) -> list[Nearby]:
        return self.surroundings.nearby()

    def map(self) -> NetworkMap:
        return self.surroundings.map()

    async def ping(self, name: str) -> PingResult:
        node_id = self._people.find_id(name)
        connect_milliseconds = None
        if self.surroundings.line(node_id) is None:
            connect_milliseconds, _ = await self._timed_ping(node_id)
        milliseconds, pong = await self._timed_ping(node_id)
        line = self.surroundings.line(node_id)
        return PingResult(
            id=readable_id(node_id),
            fingerprint=fingerprint(node_id),
            milliseconds=milliseconds,
            connect_milliseconds=connect_milliseconds,
            path=path_kind(line),
            address=address_of(line),
            version=printable(pong.version),
            seen_at=printable(pong.seen_at),
        )

    async def send(self, name: str, text: str) -> SentMessage:
        node_id = self._people.find_id(name)
        message = TextMessage(message_id=secrets.token_bytes(16), text=text)
        await self._peers.call(node_id, MESSAGE, message, insist=True)
        return SentMessage(id=readable_id(node_id), fingerprint=fingerprint(node_id))

    def messages(self) -> list[ReceivedMessage]:
        return [
            ReceivedMessage(
                id=readable_id(record.node_id),
                fingerprint=fingerprint(record.node_id),
                text=record.text,
                received_at=record.received_at,
            )
            for record in self._messages.newest(_SHOWN_MESSAGES)
        ]

    async def _timed_ping(self, node_id: NodeId) -> tuple[float, Pong]:
        began = time.perf_counter()
        pong = await self._peers.call(node_id, PING, Ping(), insist=True)
        return round((time.perf_counter() - began) * 1000, 2), pong

    async def _answer_ping(self, caller: Caller, _: Ping) -> Pong:
        return Pong(version=crofter_version() if caller.standing == "trusted" else "", seen_at=_seen_at(caller))

    async def _take_message(self, caller: Caller, message: TextMessage) -> Received:
        # What steers a terminal goes before anybody can see it.
        text = printable(message.text)
        record = MessageRecord(
            node_id=caller.node_id, message_id=message.message_id, text=text, received_at=time.time()
        )
        await anyio.to_thread.run_sync(self._messages.add, record)
        return Received()


def _seen_at(caller: Caller) -> str:
    """Where the caller's own packets come from; nothing if a relay's do."""
    return "" if caller.relayed else caller.address
