"""Every part of a node below the HTTP server, made bottom up."""

import time
from dataclasses import dataclass

from crofter.cluster import KINDS as CLUSTER_KINDS
from crofter.core import NodeId
from crofter.engine import Engine
from crofter.models import HubPulls, HubTensors, ModelRegistry, Overrides
from crofter.network import KINDS as NETWORK_KINDS
from crofter.network import Discovery, OwnNetwork, OwnRecord, Peers, Relays, Rules
from crofter.providers import ProviderBook, Providers
from crofter.router import Router
from crofter.store import (
    Database,
    KeyRecords,
    MessageRecords,
    ModelRecords,
    ModelSettingRecords,
    NetworkRecords,
    OriginRecords,
    PeerRecords,
    PeopleRecords,
    PoolRecords,
    ProviderRecords,
    TuningRecords,
    UsageRecords,
    store_key,
)
from crofter.trust import Identity, People, Pools

from .cluster_parts import ClusterParts, make_cluster
from .config import NodeConfig
from .home import Home
from .keys import KeyRing
from .machine import fingerprint
from .model_view import NamedModels
from .release import crofter_version, library_version
from .tunings import Tunings
from .whereabouts import Whereabouts


@dataclass(frozen=True)
class Parts:
    """What the node is made of. The engine's tasks run only inside `async with`; the database is the maker's to close."""

    home: Home
    identity: Identity
    database: Database
    registry: ModelRegistry
    overrides: Overrides
    hub: HubPulls
    tunings: Tunings
    keys: KeyRing
    engine: Engine
    providers: Providers
    router: Router
    cluster: ClusterParts
    rules: Rules
    own: OwnRecord
    peers: Peers
    discovery: Discovery
    relays: Relays
    messages: MessageRecords
    people: People
    whereabouts: Whereabouts
    pools: Pools


def make_parts(home: Home, config: NodeConfig, identity: Identity) -> Parts:
    """Open the store and wire what stands on it; to be called inside the event loop. Raises STORE_FAILED."""
    database = Database.open(home.database_file, store_key(home.store_key_file))
    try:
        overrides = Overrides(ModelSettingRecords(database))
        registry = ModelRegistry(
            ModelRecords(database), home.models_folder, config.node.default_model, overrides=overrides
        )
        registry.tidy()
        tunings = Tunings(TuningRecords(database), fingerprint(library_version()), config.engine.workload)
        providers = Providers(ProviderBook(ProviderRecords(database)), config.providers)
        pools = Pools(PoolRecords(database), identity)
        people = People(PeopleRecords(database), identity.node_id, is_vouched_for=pools.is_member)
        whereabouts = Whereabouts(people)
        rules = Rules(mode=config.network.mode, standing=people.standing)
        relays = Relays()
        peers = Peers(rules, [whereabouts, relays], (*NETWORK_KINDS, *CLUSTER_KINDS), relay=relays.toward)
        own_network = OwnNetwork(NetworkRecords(database).secret())
        own = OwnRecord(identity, own_network, peers.addresses, lambda: relays.connected, time.time)

        def trusted() -> set[NodeId]:
            return people.trusted() | pools.member_ids()

        discovery = Discovery(peers, rules, own, PeerRecords(database), trusted=trusted)
        engine = Engine(config.engine, log_folder=home.logs_folder, tunings=tunings)
        hub = HubPulls(registry, OriginRecords(database), config.hub, home.models_folder, crofter_version())
        may_ask = lambda: cluster.sharing.settings.from_hub and rules.mode != "offline"  # noqa: E731
        tensors = HubTensors(hub.origin, lambda: hub.settings, may_ask, crofter_version())
        cluster = make_cluster(home, config, identity.node_id, peers, trusted, registry, engine, tensors)
        names = NamedModels(registry, providers.book, cluster.peer_answers.find)
        router = Router(names, [engine, providers, cluster.peer_answers, cluster.routed], config.router)
        cluster.sharing.router = router
        return Parts(
            home=home,
            identity=identity,
            database=database,
            registry=registry,
            overrides=overrides,
            hub=hub,
            tunings=tunings,
            keys=KeyRing(KeyRecords(database), UsageRecords(database)),
            engine=engine,
            providers=providers,
            router=router,
            cluster=cluster,
            rules=rules,
            own=own,
            peers=peers,
            relays=relays,
            discovery=discovery,
            messages=MessageRecords(database),
            people=people,
            whereabouts=whereabouts,
            pools=pools,
        )
    except BaseException:
        database.close()
        raise
