"""`crofter pool`: a named group whose owner decides who is in it, and where everyone in it trusts everyone."""

import time

import click

from crofter.api import PoolSummary
from crofter.cli.client import connect
from crofter.cli.output import duration, json_option, print_json, print_table, say
from crofter.node import Home


@click.group("pool")
def pool_command() -> None:
    """Groups of nodes that trust each other: your own devices, or your circle."""


@pool_command.command("create")
@click.argument("name")
@json_option()
def create(name: str, as_json: bool) -> None:
    """Make a pool that this node owns."""
    with connect(Home.from_environment()) as client:
        pool = client.admin.create_pool(name)
    _print(pool, f"made {pool.name}; `crofter pool invite {pool.name!r} PEER` asks a paired node in.", as_json)


@pool_command.command("invite")
@click.argument("pool")
@click.argument("member", metavar="PEER")
@json_option()
def invite(pool: str, member: str, as_json: bool) -> None:
    """Ask a paired node to join. Its owner says `crofter pool accept`."""
    with connect(Home.from_environment()) as client:
        changed = client.admin.invite_to_pool(pool, member)
    _print(changed, f"{member} is invited to {changed.name}.", as_json)


@pool_command.command("accept")
@click.argument("pool")
@json_option()
def accept(pool: str, as_json: bool) -> None:
    """Join a pool that this node is invited to. From then on its members are trusted here."""
    with connect(Home.from_environment()) as client:
        joined = client.admin.accept_pool(pool)
    _print(joined, f"in {joined.name} now, with {len(joined.members) - 1} others.", as_json)


@pool_command.command("remove")
@click.argument("pool")
@click.argument("member", metavar="PEER")
@json_option()
def remove(pool: str, member: str, as_json: bool) -> None:
    """Have a node in a pool of yours no more. Whom the news does not reach trusts it for an hour at most."""
    with connect(Home.from_environment()) as client:
        changed = client.admin.remove_from_pool(pool, member)
    _print(changed, f"{member} is not in {changed.name} any more.", as_json)


@pool_command.command("leave")
@click.argument("pool")
@json_option()
def leave(pool: str, as_json: bool) -> None:
    """Be in a pool no more, or refuse the invitation. A pool of this node's own ends for everybody."""
    with connect(Home.from_environment()) as client:
        left = client.admin.leave_pool(pool)
    _print(left, f"{left.name} is no pool of this node any more.", as_json)


@pool_command.command("ls")
@json_option()
def ls(as_json: bool) -> None:
    """The pools of this node, and who is in them."""
    with connect(Home.from_environment()) as client:
        pools = client.admin.pools()
    if as_json:
        print_json(pools)
        return
    rows = [
        (pool.name, pool.role, member.name, member.fingerprint, member.state, _held(pool))
        for pool in pools
        for member in pool.members
    ]
    titles = ("POOL", "THIS NODE", "MEMBER", "NODE", "STATE", "LIST HOLDS")
    print_table(titles, rows, empty="no pools; `crofter pool create NAME` makes one.")


def _held(pool: PoolSummary) -> str:
    if pool.role == "owner":
        return "always"
    if pool.role == "invited":
        return "not accepted"
    return duration(pool.expires_at - time.time()) if pool.expires_at else "expired"


def _print(pool: PoolSummary, done: str, as_json: bool) -> None:
    if as_json:
        print_json(pool)
        return
    say(done)
    if pool.problem:
        say(f"not everyone has been told yet: {pool.problem}")
