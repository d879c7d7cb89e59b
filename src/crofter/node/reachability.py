"""How others reach this node: through which relay, under which addresses, and through the relay it serves for others itself."""

import logging
from functools import partial

import anyio
import msgspec

from crofter.api import Reachability, ServedRelay
from crofter.core import CrofterError, NodeId
from crofter.network import (
    PING,
    NetworkSettings,
    Ping,
    RelayRules,
    RelayServer,
    Sighting,
    Verdict,
    find_observer,
    judged,
    may_use,
    printable,
)
from crofter.trust import fingerprint, readable_id

from .parts import Parts

_logger = logging.getLogger("crofter.node")

_EVERY_SECONDS = 20.0
"""Between two rounds of asking: a router forgets an address that is not used, and a new one has to be known soon."""
_LOOK_SECONDS = 3.0
"""Between two looks at this machine's own addresses and at the relay."""
_ASKING_SECONDS = 5.0
_ENOUGH_OBSERVERS = 2
_MOST_RELAYS = 4
_PROBLEM_CHARACTERS = 300


class NodeReachability:
    """Asks observers what they see, lets peers know, and serves a relay if its owner wants one."""

    def __init__(self, parts: Parts, settings: NetworkSettings) -> None:
        self._peers = parts.peers
        self._people = parts.people
        self._identity = parts.identity
        self._relays = parts.relays
        self._verdict = Verdict()
        self._problems: dict[str, str] = {}
        self._served_problem = ""
        self._server = self._relay_server(settings)

    @property
    def relay_urls(self) -> tuple[str, ...]:
        """The relays that the node's endpoint is to use."""
        return self._relays.urls

    async def run(self) -> None:
        """Until cancelled. What goes wrong is in `status`."""
        async with anyio.create_task_group() as tasks:
            if self._server is not None:
                tasks.start_soon(self._serve, self._server, name="relay")
            tasks.start_soon(self._look, name="own addresses")

    def status(self) -> Reachability:
        return Reachability(
            nat=self._verdict.kind,
            seen_as=self._verdict.seen,
            observers=self._verdict.observers,
            relays=self._relays.urls,
            relay=self._relays.connected or "",
            problems=tuple(self._problems.values()),
            served=self._served(),
        )

    def _served(self) -> ServedRelay | None:
        if self._server is None:
            return None
        counts = msgspec.structs.asdict(self._server.counts)
        return ServedRelay(addresses=self._server.addresses, problem=self._served_problem, **counts)

    def _relay_server(self, settings: NetworkSettings) -> RelayServer | None:
        if not settings.relay_listen or not may_use(settings.mode, "relays"):
            return None
        rules = RelayRules(
            standing=self._people.standing,
            for_everyone=settings.relay_for_everyone and settings.mode == "public",
            bytes_per_second=settings.relay_bytes_per_second,
        )
        return RelayServer(self._identity.node_id, settings.relay_listen, rules, self._observer)

    async def _serve(self, server: RelayServer) -> None:
        try:
            await server.run()
        except CrofterError as error:
            self._served_problem = error.message
            _logger.warning("the relay is not served", extra={"reason": error.message})

    def _observer(self) -> bytes:
        """What `GET /observer` beside our relay says: this node's own endpoint, which answers pings with what it sees."""
        return msgspec.json.encode({"id": readable_id(self._identity.node_id), "addresses": self._peers.addresses()})

    async def _look(self) -> None:
        """Ask at the start, every so often, and whenever the machine's addresses change."""
        asked_with: tuple[str, ...] = ()
        asked_at = float("-inf")
        while True:
            self._relays.connected = await self._peers.relay()
            own = self._own_addresses()
            if own and (own != asked_with or anyio.current_time() - asked_at >= _EVERY_SECONDS):
                asked_with, asked_at = own, anyio.current_time()
                verdict = judged(await self._sightings(), own)
                if verdict != self._verdict:
                    _logger.info("this node is seen", extra={"nat": verdict.kind, "as": verdict.seen})
                await self._peers.announce(verdict.announce)
                self._verdict = verdict
            await anyio.sleep(_LOOK_SECONDS)

    def _own_addresses(self) -> tuple[str, ...]:
        return tuple(sorted(set(self._peers.addresses()) - set(self._verdict.announce)))

    async def _sightings(self) -> list[Sighting]:
        """What the observers beside the relays see; if those are too few, also nodes that are trusted and connected."""
        found: list[Sighting] = []
        async with anyio.create_task_group() as tasks:
            for url in self._relays.urls[:_MOST_RELAYS]:
                tasks.start_soon(self._find, url, name="observer")
        others = [line.node_id for line in self._peers.lines() if self._people.standing(line.node_id) == "trusted"]
        beside = [observer.node_id for observer in self._relays.observers.values()]
        wanted = [*beside, *others[: max(0, _ENOUGH_OBSERVERS - len(beside))]]
        async with anyio.create_task_group() as tasks:
            for node_id in dict.fromkeys(wanted):
                if node_id != self._identity.node_id:
                    tasks.start_soon(partial(self._ask, node_id, found), name="what is seen")
        return found

    async def _find(self, url: str) -> None:
        """Learn who is beside a relay; who was there is forgotten only for somebody else."""
        try:
            observer = await find_observer(url)
        except CrofterError as error:
            self._problems[url] = error.message[:_PROBLEM_CHARACTERS]
            return
        self._problems.pop(url, None)
        self._relays.observers[url] = observer

    async def _ask(self, node_id: NodeId, found: list[Sighting]) -> None:
        try:
            pong = await self._peers.call(node_id, PING, Ping(), timeout_seconds=_ASKING_SECONDS)
        except CrofterError as error:
            _logger.debug("an observer did not answer", extra={"peer": fingerprint(node_id), "reason": error.message})
            return
        line = next((line for line in self._peers.lines() if line.node_id == node_id), None)
        path = line.path() if line else None
        if path is not None and not path.relayed and pong.seen_at:
            found.append(Sighting(observer=path.remote_address, seen=printable(pong.seen_at)))
