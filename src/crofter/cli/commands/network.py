"""`crofter network`."""

import click

from crofter.api import Reachability
from crofter.cli.client import connect
from crofter.cli.output import print_facts, print_json, size
from crofter.node import Home


@click.group("network")
def network_command() -> None:
    """Whether other nodes can reach this one."""


@network_command.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> None:
    """The mode, the addresses, and what went over them."""
    with connect(Home.from_environment()) as client:
        network = client.admin.network()
    if as_json:
        print_json(network)
        return
    facts = [
        ("mode", network.mode),
        ("state", f"{network.state}: {network.problem}" if network.problem else network.state),
        ("id", network.id),
        ("addresses", " ".join(network.addresses) or "none"),
        ("connections", str(network.connections)),
        ("bytes", f"{size(network.bytes_in)} for peers, {size(network.bytes_out)} for this node"),
    ]
    facts += _reachability(network.reachability)
    for each in network.traffic:
        whose = "of peers" if each.direction == "in" else "to peers"
        facts.append((f"{each.kind} {whose}", f"{each.count} {each.outcome}"))
    print_facts(facts)


def _reachability(found: Reachability) -> list[tuple[str, str]]:
    facts = [("seen from outside", found.finding)]
    if found.relays:
        facts.append(
            ("relay", f"{found.relay} connected" if found.relay else f"none connected of {' '.join(found.relays)}")
        )
    facts += [("relay", problem) for problem in found.problems]
    if (served := found.served) is not None:
        facts.append(("relay served", " ".join(served.addresses) or served.problem or "not yet"))
        passed = f"{served.passed} packets, {size(served.bytes)}; {served.dropped} dropped, {served.refused} refused"
        facts.append(("for others", f"{served.clients} nodes now, {passed}"))
    if found.advice:
        facts.append(("what to do", found.advice))
    return facts
