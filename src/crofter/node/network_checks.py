"""Doctor's checks of the network: whether the library is there and fast, where others see this node, whether relays work."""

from crofter.api import Check, NetworkStatus
from crofter.network import copying_state, missing_network


def library_checks() -> list[Check]:
    """What the library for connections can do on this system; how it copies is known once the node has been on the network."""
    if (reason := missing_network()) is not None:
        return [Check(name="network library", verdict="warning", finding=reason)]
    copying = copying_state()
    if copying is None:
        return [Check(name="network library", verdict="ok", finding="installed")]
    if copying.state in {"shimmed", "not needed"}:
        return [Check(name="network library", verdict="ok", finding=f"in use, fast copies ({copying.state})")]
    return [
        Check(
            name="network library",
            verdict="warning",
            finding=f"in use, but copies are slow, some 4 MB/s ({copying.state}: {copying.detail})",
            advice="install the version of iroh that this version of Crofter was made with",
        )
    ]


def network_checks(status: NetworkStatus) -> list[Check]:
    """Of a node that runs."""
    if status.state == "off":
        finding = "not on the network (network.mode is `off`)"
        return [*library_checks(), Check(name="network", verdict="ok", finding=finding)]
    if status.state != "ready":
        verdict = "problem" if status.state == "failed" else "warning"
        advice = (
            "correct network.* by `crofter config set`, which this node follows at once"
            if status.state == "failed"
            else ""
        )
        finding = status.problem or "not ready yet"
        return [*library_checks(), Check(name="network", verdict=verdict, finding=finding, advice=advice)]
    finding = f"mode {status.mode}, listening on {' '.join(status.addresses)}"
    return [*library_checks(), Check(name="network", verdict="ok", finding=finding), *_reachability_checks(status)]


def _reachability_checks(status: NetworkStatus) -> list[Check]:
    found = status.reachability
    warned = found.nat == "symmetric" and not found.relay
    checks = [
        Check(
            name="seen as",
            verdict="warning" if warned else "ok",
            finding=found.finding,
            advice=found.advice,
        )
    ]
    if found.relays and not found.relay:
        problem = f": {found.problems[0]}" if found.problems else ""
        advice = "see that it runs, and that its owner trusts this node (`crofter pair` on both sides)"
        finding = f"none of {' '.join(found.relays)} is connected{problem}"
        checks.append(Check(name="relay", verdict="warning", finding=finding, advice=advice))
    elif found.relays:
        checks.append(Check(name="relay", verdict="ok", finding=f"{found.relay} connected"))
    if (served := found.served) is not None and served.addresses:
        finding = f"on {' '.join(served.addresses)} for {served.clients} nodes now"
        checks.append(Check(name="relay served", verdict="ok", finding=finding))
    elif served is not None:
        advice = (
            "correct network.relay_listen by `crofter config set`, which this node follows at once"
            if served.problem
            else ""
        )
        verdict = "problem" if served.problem else "warning"
        finding = served.problem or "not yet"
        checks.append(Check(name="relay served", verdict=verdict, finding=finding, advice=advice))
    return checks
