"""How others reach this node: through which relay, under which addresses, and through the relay it serves for others itself."""

import logging
from collections.abc import Callable

import anyio
import msgspec
from anyio.abc import TaskGroup

from crofter.api import Reachability, ServedRelay
from crofter.core import CrofterError, NodeId
from crofter.network import (
    PING,
    NetworkSettings,
    Peers,
    Ping,
    RelayRules,
    Relays,
    RelayServer,
    Sighting,
    Verdict,
    explained,
    find_observer,
    judged,
    may_use,
    observer_text,
    printable,
)
from crofter.trust import Standing

_logger = logging.getLogger("crofter.node")

_EVERY_SECONDS = 20.0
"""Between two rounds of asking: a router forgets an address that is not used, and a new one has to be known soon."""
_LOOK_SECONDS = 2.0
"""Between two looks at this machine's own addresses and at the relay."""
_ASKING_SECONDS = 5.0
_ENOUGH_OBSERVERS = 2
_MOST_RELAYS = 4
_PROBLEM_CHARACTERS = 300


class NodeReachability:
    """Asks observers what they see, lets peers know, and serves a relay if its owner wants one."""

    def __init__(
        self,
        own_id: NodeId,
        peers: Peers,
        relays: Relays,
        standing: Callable[[NodeId], Standing],
        settings: Callable[[], NetworkSettings],
    ) -> None:
        self._own_id = own_id
        self._peers = peers
        self._relays = relays
        self._standing = standing
        self._settings = settings
        self._verdict = Verdict()
        self._own: tuple[str, ...] = ()
        """The machine's own addresses when the verdict was reached."""
        self._problems: dict[str, str] = {}
        """By the URL of the relay."""
        self._served_problem = ""
        self._server: RelayServer | None = None

    async def run(self) -> None:
        """Beside the network, by the settings of now; until cancelled. What goes wrong is in `status`."""
        self._server = self._relay_server(self._settings())
        try:
            async with anyio.create_task_group() as tasks:
                if self._server is not None:
                    tasks.start_soon(self._serve, self._server, name="relay")
                await self._look()
        finally:
            self._server = self._relays.connected = None
            self._verdict, self._own = Verdict(), ()
            self._problems.clear()

    def status(self) -> Reachability:
        finding, advice = explained(self._verdict, relay=self._relays.connected)
        return Reachability(
            nat=self._verdict.kind,
            finding=finding,
            advice=advice,
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
            standing=self._standing,
            for_everyone=settings.relay_for_everyone and settings.mode == "public",
            bytes_per_second=settings.relay_bytes_per_second,
        )
        return RelayServer(
            self._own_id, settings.relay_listen, rules, lambda: observer_text(self._own_id, self._peers.addresses())
        )

    async def _serve(self, server: RelayServer) -> None:
        self._served_problem = ""
        try:
            await server.run()
        except CrofterError as error:
            self._served_problem = error.message
            _logger.warning("the relay is not served", extra={"reason": error.message})

    async def _look(self) -> None:
        """Ask at the start, every so often, and whenever the machine's addresses change."""
        asked_at = float("-inf")
        while True:
            self._relays.connected = await self._peers.relay()
            own = tuple(sorted(set(self._peers.addresses()) - set(self._verdict.announce)))
            if own and (own != self._own or anyio.current_time() - asked_at >= _EVERY_SECONDS):
                asked_at = anyio.current_time()
                await self.ask(own)
            await anyio.sleep(_LOOK_SECONDS)

    async def ask(self, own: tuple[str, ...]) -> None:
        """Ask the observers once, and let peers know what follows; `own` are the addresses this machine has itself."""
        found: list[Sighting] = []
        async with anyio.create_task_group() as tasks:
            for url in self._relays.urls[:_MOST_RELAYS]:
                tasks.start_soon(self._ask_beside, url, found, name="observer")
            self._ask_others(tasks, found)
        verdict = judged(found, own)
        if not verdict.observers and own == self._own:
            return  # nobody to ask now: what was seen last is more likely than nothing
        if verdict != self._verdict:
            _logger.info("how this node is seen", extra={"nat": verdict.kind, "seen_as": verdict.seen})
        await self._peers.announce(verdict.announce)
        self._verdict, self._own = verdict, own

    def _ask_others(self, tasks: TaskGroup, found: list[Sighting]) -> None:
        """If there are too few relays: nodes that are trusted and connected see as much."""
        missing = _ENOUGH_OBSERVERS - len(self._relays.urls)
        beside = {observer.node_id for observer in self._relays.observers.values()}
        others = [line.node_id for line in self._peers.lines() if self._standing(line.node_id) == "trusted"]
        for node_id in [other for other in others if other not in beside][: max(0, missing)]:
            tasks.start_soon(self._ask_other, node_id, found, name="observer")

    async def _ask_other(self, node_id: NodeId, found: list[Sighting]) -> None:
        try:
            await self._ask(node_id, found)
        except CrofterError:
            return  # it has left; whoever needs it will learn that

    async def _ask_beside(self, url: str, found: list[Sighting]) -> None:
        """The observer beside a relay; who does not answer is looked up anew the next time."""
        try:
            observer = self._relays.observers.get(url) or await find_observer(url)
            self._relays.observers[url] = observer
            if observer.node_id != self._own_id:
                await self._ask(observer.node_id, found)
        except CrofterError as error:
            self._relays.observers.pop(url, None)
            self._relays.failing.add(url)
            self._problems[url] = printable(error.message)[:_PROBLEM_CHARACTERS]
        else:
            self._problems.pop(url, None)
            self._relays.failing.discard(url)

    async def _ask(self, node_id: NodeId, found: list[Sighting]) -> None:
        pong = await self._peers.call(node_id, PING, Ping(), timeout_seconds=_ASKING_SECONDS)
        line = next((line for line in self._peers.lines() if line.node_id == node_id), None)
        path = line.path() if line else None
        if path is not None and not path.relayed and pong.seen_at:
            found.append(Sighting(observer=path.remote_address, seen=printable(pong.seen_at)))
