"""This node among others: on the network while it runs, and what its owner can ask about it and of other nodes.

The one implementation of `api.NetworkAdministration`.
"""

import logging
import math
import secrets
import time

import anyio
import anyio.to_thread

from crofter.api import (
    NetworkState,
    NetworkStatus,
    PathKind,
    PeerSummary,
    PingResult,
    ReceivedMessage,
    SentMessage,
    Traffic,
)
from crofter.core import CrofterError, NodeId
from crofter.network import (
    MESSAGE,
    PING,
    BindOptions,
    Caller,
    IrohTransport,
    Line,
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
from .reachability import NodeReachability
from .release import crofter_version

_logger = logging.getLogger("crofter.node")

_START_SECONDS = 15.0
_SHOWN_MESSAGES = 200


class NodeNetwork:
    """Answers `ping` and `message`; everything else that nodes ask each other is registered by whoever answers it."""

    def __init__(self, parts: Parts, settings: NetworkSettings, reachability: NodeReachability) -> None:
        self._peers = parts.peers
        self._people = parts.people
        self._whereabouts = parts.whereabouts
        self._messages = parts.messages
        self._identity = parts.identity
        self._settings = settings
        self._reachability = reachability
        self._state: NetworkState = "off" if settings.mode == "off" else "starting"
        self._problem = ""
        self._peers.serve(PING, self._answer_ping)
        self._peers.serve(MESSAGE, self._take_message)

    async def run(self) -> None:
        """Be on the network until cancelled. What goes wrong is said in `status` and the log; the rest of the node works without."""
        if self._settings.mode == "off":
            return
        transport = IrohTransport()
        try:
            await anyio.to_thread.run_sync(transport.load)
            with anyio.fail_after(_START_SECONDS) as limit:
                options = BindOptions(addresses=self._settings.listen, relay_urls=self._reachability.relay_urls)
                await self._peers.run(transport, self._identity.seed, options, ready=lambda: self._ready(limit))
        except CrofterError as error:
            self._failed(error.message)
        except TimeoutError:
            self._failed(f"it was not ready after {_START_SECONDS:g} s")
        except Exception:
            _logger.exception("the network failed")
            self._failed("something went wrong; `crofter logs` says what")

    def status(self) -> NetworkStatus:
        counts = self._peers.counts
        return NetworkStatus(
            mode=self._settings.mode,
            state=self._state,
            problem=self._problem,
            id=readable_id(self._identity.node_id),
            addresses=self._peers.addresses(),
            connections=len(self._peers.lines()),
            reachability=self._reachability.status(),
            traffic=tuple(
                Traffic(kind=kind, direction=direction, outcome=outcome, count=count)
                for (kind, direction, outcome), count in sorted(counts.requests.items())
            ),
            bytes_in=sum(count for (_, direction), count in counts.bytes.items() if direction == "in"),
            bytes_out=sum(count for (_, direction), count in counts.bytes.items() if direction == "out"),
        )

    def peers(self) -> list[PeerSummary]:
        lines = {line.node_id: line for line in self._peers.lines()}
        known = (person.node_id for person in self._people.all())
        return [self._summary(node_id, lines.get(node_id)) for node_id in dict.fromkeys((*known, *lines))]

    async def ping(self, name: str) -> PingResult:
        node_id = self._people.find_id(name)
        connect_milliseconds = None
        if self._line(node_id) is None:
            connect_milliseconds, _ = await self._timed_ping(node_id)
        milliseconds, pong = await self._timed_ping(node_id)
        line = self._line(node_id)
        return PingResult(
            id=readable_id(node_id),
            fingerprint=fingerprint(node_id),
            milliseconds=milliseconds,
            connect_milliseconds=connect_milliseconds,
            path=_path_kind(line),
            address=_address(line),
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

    def _line(self, node_id: NodeId) -> Line | None:
        return next((line for line in self._peers.lines() if line.node_id == node_id), None)

    def _summary(self, node_id: NodeId, line: Line | None) -> PeerSummary:
        person = self._people.get(node_id)
        known = self._whereabouts.addresses_of(node_id)
        path = line.path() if line else None
        return PeerSummary(
            id=readable_id(node_id),
            fingerprint=fingerprint(node_id),
            name=person.name if person else "",
            standing=self._people.standing(node_id),
            asked_us=person is not None and person.state == "asked_us",
            known_addresses=known.addresses if known else (),
            path=_path_kind(line),
            address=_address(line),
            round_trip_ms=path.round_trip_ms if path else None,
            connected_seconds=round(anyio.current_time() - line.opened_at, 1) if line else None,
        )

    def _ready(self, limit: anyio.CancelScope) -> None:
        limit.deadline = math.inf
        self._state = "ready"
        _logger.info("on the network", extra={"mode": self._settings.mode, "addresses": self._peers.addresses()})

    def _failed(self, problem: str) -> None:
        self._state, self._problem = "failed", problem
        _logger.warning("this node is not on the network", extra={"reason": problem})


def _seen_at(caller: Caller) -> str:
    """Where the caller's own packets come from; nothing if a relay's do."""
    return "" if caller.relayed else caller.address


def _path_kind(line: Line | None) -> PathKind:
    path = line.path() if line else None
    if path is None:
        return ""
    return "relayed" if path.relayed else "direct"


def _address(line: Line | None) -> str:
    path = line.path() if line else None
    return path.remote_address if path else ""
