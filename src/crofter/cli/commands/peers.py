"""`crofter peers` and `crofter ping`."""

import time

import click

from crofter.api import PeerSummary
from crofter.cli.client import connect
from crofter.cli.output import ago, duration, json_option, print_json, print_table, say
from crofter.node import Home

from .people import COMMANDS

_SEEING = {"lan", "offline", "public"}


@click.group("peers", invoke_without_command=True)
@json_option()
@click.pass_context
def peers_command(context: click.Context, as_json: bool) -> None:
    """The nodes this one knows or is connected to."""
    if context.invoked_subcommand is not None:
        return
    with connect(Home.from_environment()) as client:
        peers = client.admin.peers()
    if as_json:
        print_json(peers)
        return
    titles = ("NAME", "NODE", "STANDING", "PATH", "ADDRESS", "ROUND TRIP", "CONTACT")
    print_table(titles, [_row(peer) for peer in peers], empty="no peers; `crofter pair` says how to get one.")


@peers_command.command("nearby")
@json_option()
def nearby(as_json: bool) -> None:
    """The nodes seen on the local network, in the modes `lan`, `offline` and `public`. Anybody there can claim to be one."""
    with connect(Home.from_environment()) as client:
        seen, mode = client.admin.nearby(), client.admin.network().mode
    if as_json:
        print_json(seen)
        return
    rows = [(each.name, each.fingerprint, each.standing, each.addresses[0], each.id) for each in seen]
    looks = "no other node is seen there now."
    blind = f"in mode `{mode}` nobody looks: crofter config set network.mode lan"
    print_table(("NAME", "NODE", "STANDING", "ADDRESS", "ID"), rows, empty=looks if mode in _SEEING else blind)


for _command in COMMANDS:
    peers_command.add_command(_command)


@click.command("ping")
@click.argument("peer")
@json_option()
def ping_command(peer: str, as_json: bool) -> None:
    """Ask another node, by its id or fingerprint, whether it is there, and over which path."""
    with connect(Home.from_environment()) as client:
        result = client.admin.ping(peer)
    if as_json:
        print_json(result)
        return
    version = f", Crofter {result.version}" if result.version else ""
    say(f"{result.fingerprint}: {result.milliseconds:.1f} ms, {result.path} at {result.address}{version}.")
    if result.connect_milliseconds is not None:
        say(f"connecting took {result.connect_milliseconds:.0f} ms before.")


def _row(peer: PeerSummary) -> tuple[str, ...]:
    return (
        peer.name,
        peer.fingerprint,
        "asks you" if peer.asked_us else "asked" if peer.standing == "pending" else peer.standing,
        peer.path or "not connected",
        peer.address or " ".join(peer.known_addresses),
        "" if peer.round_trip_ms is None else f"{peer.round_trip_ms:.0f} ms",
        _contact(peer),
    )


def _contact(peer: PeerSummary) -> str:
    """For how long it has been connected, or when it last was."""
    if peer.connected_seconds is not None:
        return duration(peer.connected_seconds)
    return "" if peer.seen_at is None else ago(peer.seen_at, time.time())
