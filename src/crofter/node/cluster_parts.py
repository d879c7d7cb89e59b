"""The parts that run models over several nodes, made together: each needs some of the others."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from crofter.cluster import (
    Adapters,
    Circuits,
    Former,
    Holdings,
    Links,
    Offers,
    PeerAnswers,
    Pieces,
    RoutedAnswers,
    Routes,
    StageLimits,
    Stages,
    Weights,
)
from crofter.core import NodeId
from crofter.engine import Engine
from crofter.models import HubTensors, ModelRegistry
from crofter.network import Peers

from .config import NodeConfig
from .families import require_proof
from .home import Home
from .release import library_version
from .sharing import NodeSharing


@dataclass(frozen=True)
class ClusterParts:
    """`run` of offers, circuits, stages and routed are to run while the node is on the network."""

    sharing: NodeSharing
    offers: Offers
    peer_answers: PeerAnswers
    circuits: Circuits
    stages: Stages
    routed: RoutedAnswers


def make_cluster(  # noqa: PLR0913 - one for each part that is there already
    home: Home,
    config: NodeConfig,
    own_id: NodeId,
    peers: Peers,
    trusted: Callable[[], set[NodeId]],
    registry: ModelRegistry,
    engine: Engine,
    hub: HubTensors,
) -> ClusterParts:
    """Wire them. The router is handed to `sharing` when it is made."""
    build = library_version()
    sharing = NodeSharing(config.share, home, registry, engine, build)
    offers = Offers(peers, trusted, sharing.offer)
    pieces = Pieces(peers, registry, sharing.limits, hub)
    weights = Weights(registry, pieces, home.models_folder)
    adapters = Adapters(own_id, peers, home.models_folder / "adapter-parts")
    holdings = sharing.stages = Holdings(peers, engine, weights, adapters, sharing.limits, build)
    links = Links(own_id, peers)
    circuits = Circuits(links)
    former = Former(own_id, peers, offers, engine, weights, holdings, partial(require_proof, home))
    peer_answers = PeerAnswers(peers, offers, sharing.answer)
    routes = Routes(former, config.route)
    routed = sharing.routed = RoutedAnswers(engine, former, circuits, adapters, peer_answers, routes)
    return ClusterParts(
        sharing=sharing,
        offers=offers,
        peer_answers=peer_answers,
        circuits=circuits,
        stages=Stages(holdings, links, StageLimits()),
        routed=routed,
    )
