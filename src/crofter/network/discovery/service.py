"""How this node finds others and lets itself be found: every way that its mode allows, at work together."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import get_args

import anyio
import msgspec
from anyio.abc import TaskGroup

from crofter.core import CrofterError, NodeId
from crofter.network.addresses import Reach
from crofter.network.peers import Peers
from crofter.network.plan import Layer, may_use
from crofter.network.records import SignedRecord, dialable
from crofter.network.rules import Rules
from crofter.network.transport import PeerAddress
from crofter.network.wire import FIND, GOSSIP, PEERS, PROVIDE
from crofter.store import PeerRecords

from .cache import Here, PeerCache
from .chatter import RECORD_TOPIC, Chatter
from .dht import ASK_SECONDS, Dht
from .exchange import PeerExchange
from .gossip import ACTIVE_VIEW, Gossip
from .lan import LocalNetwork, Nearby
from .messages import Find, Found, PeersOffered, PeersWanted, Provide, Provided
from .own_record import OwnRecord
from .plan import Asked, is_due, reach_of
from .rumours import Rumour

_TICK_SECONDS = 1.0
_SEEK_SECONDS = 5.0
_MOST_AT_ONCE = 8
_MOST_HINTS = 512
_MOST_ASKED = 4_096
_CANDIDATES = 16
_LOOPBACK = ("127.0.0.1",)


class Discovered(msgspec.Struct, frozen=True, kw_only=True):
    """What it comes to, for the owner."""

    layers: tuple[Layer, ...]
    """The ways in use."""
    remembered: int
    """Nodes in the cache."""
    contacts: int
    """Nodes in the table of the DHT."""
    refusals: dict[str, int]
    """Records and rumours of others that were not taken, by reason."""


class Discovery:
    """A Seeker for `peers`, and the one who answers `peers`, `gossip`, `find` and `provide`."""

    def __init__(
        self,
        peers: Peers,
        rules: Rules,
        own: OwnRecord,
        records: PeerRecords,
        trusted: Callable[[], Iterable[NodeId]],
    ) -> None:
        """`trusted` are those to stay in touch with. Raises STORE_FAILED."""
        self._peers = peers
        self._rules = rules
        self._own = own
        self._trusted = trusted
        self._records = records
        self._begin()
        peers.seek_with(self)
        # Looked up for each request: in another network others answer.
        peers.serve(PEERS, lambda caller, wanted: self._exchange.answer(caller, wanted))  # noqa: PLW0108
        peers.serve(GOSSIP, lambda caller, told: self._chatter.told(caller, told))  # noqa: PLW0108
        peers.serve(FIND, lambda caller, find: self._dht.find(caller, find))  # noqa: PLW0108
        peers.serve(PROVIDE, lambda caller, provide: self._dht.provide(caller, provide))  # noqa: PLW0108

    def _begin(self) -> None:
        """With what is known of this network, and nothing of any other. Raises STORE_FAILED."""
        own, own_id, network = self._own, self._own.identity.node_id, self._own.network.tag()
        here = self._here = Here(own_id, network, reach=self._reach, is_kept=self._is_trusted)
        self._cache = PeerCache(self._records, here)
        self._local = LocalNetwork(here, self._rules.mode)
        self._exchange = PeerExchange(self._cache, own_record=own.content, standing=self._rules.standing)
        self._gossip = Gossip(own.identity, network, deliver=self._heard, clock=time.time)
        self._chatter = Chatter(self._peers, self._gossip)
        self._dht = Dht(own_id, network, self, own_record=own.content)
        self._hints: OrderedDict[NodeId, PeerAddress] = OrderedDict()
        self._asked: dict[NodeId, Asked] = {}
        self._asking: set[NodeId] = set()
        self._said = b""
        self._changed_at = float("-inf")
        self._met = anyio.Event()

    async def run(self) -> None:
        """Beside the network, in the mode and the network of now; until cancelled. Raises STORE_FAILED."""
        if self._own.network.tag() != self._here.network:
            self._begin()
        self._asked.clear()
        self._met = anyio.Event()
        self._local = LocalNetwork(
            self._here, self._rules.mode, interfaces=_LOOPBACK if self._reach() == "machine" else ()
        )
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._cache.run, name="cache of nodes")
            tasks.start_soon(self._local.run, self._peers.addresses, name="local network")
            if self._uses("gossip"):
                tasks.start_soon(self._chatter.run, name="gossip")
            if self._uses("dht"):
                tasks.start_soon(self._be_in_dht, name="dht")
            while self._uses("exchange"):
                self._notice_change()
                self._ask_those_due(tasks)
                await anyio.sleep(_TICK_SECONDS)

    def nearby(self) -> list[Nearby]:
        """Nodes of our network that are seen on the local one, the latest last."""
        return [seen for seen in self._local.nearby() if seen.network == self._here.network]

    def state(self) -> Discovered:
        """As it is now."""
        refusals = self._exchange.refusals + self._dht.refusals + self._gossip.refusals
        return Discovered(
            layers=tuple(layer for layer in get_args(Layer) if self._uses(layer)),
            remembered=len(self._cache),
            contacts=len(self._dht.table.contacts()),
            refusals={str(why): count for why, count in refusals.items()},
        )

    def learn(self, content: bytes, taught_by: NodeId) -> None:
        """A record that came in another way than in answer to a question, such as by gossip."""
        if isinstance(learnt := self._cache.learn(content, taught_by), SignedRecord):
            self._try_again(learnt.record.node_id)

    def addresses_of(self, node_id: NodeId) -> PeerAddress | None:
        """See `Seeker`."""
        sources = (self._local.addresses_of(node_id), self._cache.addresses_of(node_id), self._hints.get(node_id))
        known = [each for each in sources if each is not None]
        addresses = tuple(dict.fromkeys(address for each in known for address in each.addresses))
        relay_url = next((each.relay_url for each in known if each.relay_url), None)
        return PeerAddress(node_id=node_id, addresses=addresses, relay_url=relay_url) if known else None

    async def seek(self, node_id: NodeId) -> None:
        """See `Seeker`."""
        if not self._uses("dht"):
            return
        with anyio.move_on_after(_SEEK_SECONDS):
            if (found := await self._dht.find_node(node_id)) is not None:
                self._hint(found)

    def dialled(self, node_id: NodeId, *, reached: bool) -> None:
        """See `Seeker`."""
        if reached:
            self._cache.worked(node_id)
        else:
            self._cache.failed(node_id)

    async def find(self, whom: SignedRecord, find: Find) -> Found:
        """See `Asker`."""
        self._hint(whom)
        return await self._peers.call(whom.record.node_id, FIND, find, timeout_seconds=ASK_SECONDS)

    async def provide(self, whom: SignedRecord, provide: Provide) -> Provided:
        """See `Asker`."""
        self._hint(whom)
        return await self._peers.call(whom.record.node_id, PROVIDE, provide, timeout_seconds=ASK_SECONDS)

    def _reach(self) -> Reach:
        return reach_of(self._rules.mode, self._peers.addresses())

    def _is_trusted(self, node_id: NodeId) -> bool:
        return self._rules.standing(node_id) == "trusted"

    def _uses(self, layer: Layer) -> bool:
        return may_use(self._rules.mode, layer)

    async def _be_in_dht(self) -> None:
        await self._met.wait()
        await self._dht.join()
        await self._dht.run()

    def _notice_change(self) -> None:
        """Whoever knows us should know where we are now: those whom we ask are asked anew, the others hear it."""
        if (content := self._own.content()) != self._said:
            self._said, self._changed_at = content, anyio.current_time()
        if content and self._uses("gossip"):
            self._chatter.announce(content)

    def _ask_those_due(self, tasks: TaskGroup) -> None:
        now = anyio.current_time()
        opened_at = {line.node_id: line.opened_at for line in self._peers.lines()}
        for node_id in self._worth_asking(opened_at):
            if len(self._asking) >= _MOST_AT_ONCE:
                return
            since = max(self._changed_at, opened_at.get(node_id, self._changed_at))
            if node_id not in self._asking and is_due(self._asked.get(node_id), now, since):
                self._asking.add(node_id)
                tasks.start_soon(self._ask, node_id, name="asking for other nodes")

    def _worth_asking(self, connected: Iterable[NodeId]) -> list[NodeId]:
        """Those near first: they were just seen."""
        trusted = set(self._trusted())
        near = [seen.node_id for seen in self.nearby() if seen.node_id in trusted]
        if self._rules.mode != "public":
            return list(dict.fromkeys((*near, *trusted)))
        others = list(connected)
        if len(others) < ACTIVE_VIEW:
            others += self._cache.candidates(_CANDIDATES)
        return list(dict.fromkeys((*near, *trusted, *others)))

    async def _ask(self, node_id: NodeId) -> None:
        before = self._asked.pop(node_id, None)
        fails = 0
        try:
            for learnt in await self._exchange.ask(self._exchanged, node_id):
                self._try_again(learnt)
        except CrofterError:
            fails = before.fails + 1 if before else 1
        finally:
            self._asking.discard(node_id)
            self._asked[node_id] = Asked(anyio.current_time(), fails)
            if len(self._asked) > _MOST_ASKED:
                del self._asked[next(iter(self._asked))]

    async def _exchanged(self, node_id: NodeId, wanted: PeersWanted) -> PeersOffered:
        offered = await self._peers.call(node_id, PEERS, wanted)
        if offered.own and self._uses("dht"):
            self._dht.met(offered.own)
            self._met.set()
        return offered

    def _heard(self, rumour: Rumour) -> None:
        if rumour.topic == RECORD_TOPIC:
            self.learn(rumour.payload, rumour.origin)

    def _try_again(self, node_id: NodeId) -> None:
        """There is news of it: that it could not be reached does not count any more."""
        if (asked := self._asked.get(node_id)) is not None and asked.fails:
            del self._asked[node_id]

    def _hint(self, whom: SignedRecord) -> None:
        node_id = whom.record.node_id
        self._hints[node_id] = dialable(whom.record, self._here.reach(), trusted=self._is_trusted(node_id))
        self._hints.move_to_end(node_id)
        if len(self._hints) > _MOST_HINTS:
            self._hints.popitem(last=False)
