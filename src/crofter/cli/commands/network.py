"""`crofter network`."""

import click

from crofter.api import Reachability
from crofter.cli.client import connect
from crofter.cli.output import json_option, print_facts, print_json, say, size
from crofter.node import Home

_yes = click.option("--yes", is_flag=True, help="Do not ask.")


@click.group("network")
def network_command() -> None:
    """Whether other nodes can reach this one."""


@network_command.command("status")
@json_option()
def status(as_json: bool) -> None:
    """The mode, the addresses, and what went over them."""
    with connect(Home.from_environment()) as client:
        network = client.admin.network()
    if as_json:
        print_json(network)
        return
    facts = [
        ("mode", network.mode),
        ("network", f"private, {network.network}" if network.network else "open"),
        ("state", f"{network.state}: {network.problem}" if network.problem else network.state),
        ("id", network.id),
        ("addresses", " ".join(network.addresses) or "none"),
        ("connections", str(network.connections)),
        ("finds others by", " ".join(network.layers) or "nothing"),
        ("nodes", f"{network.nearby} near, {network.remembered} remembered, {network.contacts} in the DHT"),
        ("bytes", f"{size(network.bytes_in)} for peers, {size(network.bytes_out)} for this node"),
    ]
    facts += _reachability(network.reachability)
    for each in network.traffic:
        whose = "of peers" if each.direction == "in" else "to peers"
        facts.append((f"{each.kind} {whose}", f"{each.count} {each.outcome}"))
    facts += [("records refused", f"{count} {reason}") for reason, count in network.refused_records.items()]
    print_facts(facts)


@network_command.command("new")
@_yes
@json_option()
def new(yes: bool, as_json: bool) -> None:
    """Begin a private network: only nodes that come by an invite of it can connect."""
    _ask_first(
        yes, "Nodes you know cannot be reached from there until they join by an invite. Begin a private network?"
    )
    with connect(Home.from_environment()) as client:
        made = client.admin.make_private_network()
    if as_json:
        print_json(made)
        return
    say(f"in the private network {made.tag} now, alone. `crofter invite` brings others in.")


@network_command.command("leave")
@_yes
@json_option()
def leave(yes: bool, as_json: bool) -> None:
    """Go back to the open network. The secret of the private one is forgotten: only an invite brings this node back."""
    _ask_first(yes, "Only an invite of somebody in it brings this node back. Leave the private network?")
    with connect(Home.from_environment()) as client:
        left = client.admin.leave_private_network()
    if as_json:
        print_json(left)
        return
    say("in the open network now. Nodes of the private one cannot be reached from here.")


@network_command.command("map")
@json_option()
def network_map(as_json: bool) -> None:
    """This node, those it knows, sees or is connected to, and how packets go to each. No places on earth."""
    with connect(Home.from_environment()) as client:
        found = client.admin.network_map()
    if as_json:
        print_json(found)
        return
    links = {link.target: link for link in found.links}
    own, *others = found.nodes
    click.echo(f"{own.fingerprint} (this node)")
    for number, node in enumerate(others, start=1):
        branch = "└─" if number == len(others) else "├─"
        link = links.get(node.id)
        way = f"{link.path}, {link.address}, {link.round_trip_ms or 0:.0f} ms" if link else "not connected"
        near = ", near" if node.near else ""
        click.echo(f"{branch} {node.name or node.fingerprint} ({node.standing}{near}): {way}")


def _ask_first(yes: bool, question: str) -> None:
    if not yes:
        click.confirm(question, abort=True, err=True)


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
