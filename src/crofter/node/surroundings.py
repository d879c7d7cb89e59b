"""The other nodes as this one's owner sees them: known, connected, near; as a list and as a map."""

import anyio

from crofter.api import MapLink, MapNode, Nearby, NetworkMap, PathKind, PeerSummary
from crofter.core import NodeId
from crofter.network import Discovery, Line, Peers
from crofter.trust import People, fingerprint, readable_id

from .whereabouts import Whereabouts


class Surroundings:
    """Asks the parts that know, and nobody else."""

    def __init__(
        self, own_id: NodeId, peers: Peers, people: People, whereabouts: Whereabouts, discovery: Discovery
    ) -> None:
        self._own_id = own_id
        self._peers = peers
        self._people = people
        self._whereabouts = whereabouts
        self._discovery = discovery

    def line(self, node_id: NodeId) -> Line | None:
        """The connection with a node, if there is one."""
        return next((line for line in self._peers.lines() if line.node_id == node_id), None)

    def peers(self) -> list[PeerSummary]:
        """Those known or connected."""
        lines = {line.node_id: line for line in self._peers.lines()}
        known = (person.node_id for person in self._people.all())
        return [self._summary(node_id, lines.get(node_id)) for node_id in dict.fromkeys((*known, *lines))]

    def nearby_ids(self) -> list[NodeId]:
        """Those seen on the local network."""
        return [seen.node_id for seen in self._discovery.nearby()]

    def nearby(self) -> list[Nearby]:
        """The same, as they announce themselves."""
        return [
            Nearby(
                id=readable_id(seen.node_id),
                fingerprint=fingerprint(seen.node_id),
                name=self.name(seen.node_id),
                standing=self._people.standing(seen.node_id),
                addresses=seen.addresses,
            )
            for seen in self._discovery.nearby()
        ]

    def map(self) -> NetworkMap:
        """This node, those it knows, sees or is connected to, and its connections."""
        lines = {line.node_id: line for line in self._peers.lines()}
        near = self.nearby_ids()
        known = (person.node_id for person in self._people.all())
        others = dict.fromkeys((*known, *lines, *near))
        own = MapNode(id=readable_id(self._own_id), fingerprint=fingerprint(self._own_id), standing="self", near=True)
        nodes = (
            MapNode(
                id=readable_id(node_id),
                fingerprint=fingerprint(node_id),
                name=self.name(node_id),
                standing=self._people.standing(node_id),
                near=node_id in near,
            )
            for node_id in others
        )
        return NetworkMap(nodes=(own, *nodes), links=tuple(self._link(line) for line in lines.values()))

    def _link(self, line: Line) -> MapLink:
        path = line.path()
        return MapLink(
            source=readable_id(self._own_id),
            target=readable_id(line.node_id),
            path=path_kind(line),
            address=address_of(line),
            round_trip_ms=path.round_trip_ms if path else None,
        )

    def name(self, node_id: NodeId) -> str:
        person = self._people.get(node_id)
        return person.name if person else ""

    def _summary(self, node_id: NodeId, line: Line | None) -> PeerSummary:
        person = self._people.get(node_id)
        known = self._whereabouts.addresses_of(node_id) or self._discovery.addresses_of(node_id)
        path = line.path() if line else None
        return PeerSummary(
            id=readable_id(node_id),
            fingerprint=fingerprint(node_id),
            name=self.name(node_id),
            standing=self._people.standing(node_id),
            asked_us=person is not None and person.state == "asked_us",
            known_addresses=known.addresses if known else (),
            path=path_kind(line),
            address=address_of(line),
            round_trip_ms=path.round_trip_ms if path else None,
            connected_seconds=round(anyio.current_time() - line.opened_at, 1) if line else None,
            seen_at=person.seen_at if person else None,
        )


def path_kind(line: Line | None) -> PathKind:
    """How its packets go now."""
    path = line.path() if line else None
    if path is None:
        return ""
    return "relayed" if path.relayed else "direct"


def address_of(line: Line | None) -> str:
    """Where they come from."""
    path = line.path() if line else None
    return path.remote_address if path else ""
