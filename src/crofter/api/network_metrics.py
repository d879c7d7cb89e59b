"""Metrics of what goes on between this node and others, as Prometheus reads them."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from .administration import Administration
from .networking import Reachability


def network_metrics(administration: Administration) -> Iterator[Metric]:
    """Everything between this node and others."""
    network = administration.network.status()
    yield GaugeMetricFamily("crofter_peer_connections", "Nodes connected", value=network.connections)
    yield GaugeMetricFamily("crofter_peers_remembered", "Nodes heard of", value=network.remembered)
    yield GaugeMetricFamily("crofter_peers_nearby", "Nodes seen on the local network", value=network.nearby)
    yield GaugeMetricFamily("crofter_dht_contacts", "Nodes in the table of the DHT", value=network.contacts)
    refused = CounterMetricFamily(
        "crofter_records_refused", "Records and rumours of others that were not taken", labels=["reason"]
    )
    for reason, count in network.refused_records.items():
        refused.add_metric([reason], count)
    yield refused
    requests = CounterMetricFamily(
        "crofter_peer_requests", "Requests between nodes", labels=["kind", "direction", "outcome"]
    )
    for each in network.traffic:
        requests.add_metric([each.kind, each.direction, each.outcome], each.count)
    yield requests
    sizes = CounterMetricFamily("crofter_peer_bytes", "Bytes of messages between nodes", labels=["direction"])
    sizes.add_metric(["in"], network.bytes_in)
    sizes.add_metric(["out"], network.bytes_out)
    yield sizes
    yield from _people(administration)
    yield from _relay(network.reachability)


def _people(administration: Administration) -> Iterator[Metric]:
    """Whom the owner knows, and how far pairing has come."""
    people = GaugeMetricFamily("crofter_known_nodes", "Nodes that the owner knows", labels=["state"])
    for state, count in Counter(person.state for person in administration.people.all()).items():
        people.add_metric([state], count)
    yield people
    yield GaugeMetricFamily("crofter_pools", "Pools", value=len(administration.pools.all()))
    waiting = sum(invite.uses_left for invite in administration.invites.all())
    yield GaugeMetricFamily("crofter_open_invites", "Nodes that may still come by an invite", value=waiting)


def _relay(reachability: Reachability) -> Iterator[Metric]:
    """The relay this node is reached through, and the one it serves."""
    connected = 1 if reachability.relay else 0
    yield GaugeMetricFamily("crofter_relay_connected", "Whether a relay is connected", value=connected)
    served = reachability.served
    if served is None:
        return
    yield GaugeMetricFamily("crofter_relay_clients", "Nodes that use the relay of this one", value=served.clients)
    packets = CounterMetricFamily("crofter_relay_packets", "Packets at the relay of this node", labels=["outcome"])
    packets.add_metric(["passed"], served.passed)
    packets.add_metric(["dropped"], served.dropped)
    yield packets
    yield CounterMetricFamily("crofter_relay_bytes", "Bytes the relay of this node passed on", value=served.bytes)
    yield CounterMetricFamily(
        "crofter_relay_refused", "Nodes that may not use the relay of this one", value=served.refused
    )
