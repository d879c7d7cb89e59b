"""`crofter pair`: by an id, or by a code that one node shows and the other is told."""

import re
import time

import click

from crofter.api import NewPerson, PairingCode, PersonSummary, TypedCode
from crofter.cli.client import NodeClient, connect
from crofter.cli.output import json_option, print_json, say
from crofter.cli.qr import print_id_qr
from crofter.node import Home

from .people import shown

_LOOK_SECONDS = 0.5
_CODE = re.compile(r"[\d\s\-]+")


@click.command("pair")
@click.argument("what", required=False, metavar="[ID|CODE]")
@click.option("--code", "show", is_flag=True, help="Show a code for the other node, and wait until it is typed there.")
@click.option("--id", "node_id", default="", metavar="ID", help="Whose the CODE is, if it is not known or near.")
@click.option(
    "--at", "addresses", multiple=True, metavar="IP:PORT", help="Where the other node is, if nothing finds it."
)
@click.option("--name", default="", help="What to call the other node; else what it calls itself.")
@json_option()
def pair_command(
    what: str | None, show: bool, node_id: str, addresses: tuple[str, ...], name: str, as_json: bool
) -> None:
    """Trust another node, as it trusts this one: both owners have to say yes.

    \b
    crofter pair                    shows this node's id, to be given to the other one
    crofter pair ID                 asks that node; its owner says `crofter peers accept`
    crofter pair --code             shows a code that is good once, for ten minutes
    crofter pair 1234-5678-9012     types the code that another node shows
    """
    if show and what:
        raise click.UsageError("--code shows a code; leave out the ID or CODE.")
    with connect(Home.from_environment()) as client:
        if show:
            _show_code(client, as_json)
        elif not what:
            _show_id(client, as_json)
        else:
            _print(_paired(client, what, node_id, addresses, name), as_json)


def _paired(client: NodeClient, what: str, node_id: str, addresses: tuple[str, ...], name: str) -> PersonSummary:
    if not _CODE.fullmatch(what):
        return client.admin.pair(NewPerson(id=what, name=name, addresses=addresses))
    if addresses and not node_id:
        raise click.UsageError("--at needs --id with a code: whose it is.")
    return client.admin.pair_by_code(TypedCode(code=what, id=node_id, name=name, addresses=addresses))


def _show_id(client: NodeClient, as_json: bool) -> None:
    identity = client.admin.identity()
    if as_json:
        print_json(identity)
        return
    click.echo(identity.id)
    print_id_qr(identity.id)
    say(
        "The other owner says `crofter pair` with this id, and you say `crofter peers accept` here. Or: crofter pair --code"
    )


def _show_code(client: NodeClient, as_json: bool) -> None:
    """Until it is used or has ended; leaving withdraws it."""
    shown_code = client.admin.show_pairing_code()
    click.echo(shown_code.code)
    say("Type it at the other node: `crofter pair CODE`. It is good once, for ten minutes; tell it to nobody else.")
    try:
        while not (shown_code := client.admin.pairing_code()).ended:
            time.sleep(_LOOK_SECONDS)
    except KeyboardInterrupt:
        client.admin.withdraw_pairing_code()
        raise
    if not shown_code.paired_with:
        raise click.ClickException(_why_ended(shown_code))
    person = client.admin.person(shown_code.paired_with)
    # The other side says its yes once it has seen our proof.
    while person.state == "asked" and time.time() < shown_code.expires_at:
        time.sleep(_LOOK_SECONDS)
        person = client.admin.person(shown_code.paired_with)
    _print(person, as_json)


def _why_ended(code: PairingCode) -> str:
    if code.wrong_guesses:
        return f"the code ended after {code.wrong_guesses} wrong tries: somebody guesses, or it was misheard. Show another."
    return "the code ended without being used. Show another."


def _print(person: PersonSummary, as_json: bool) -> None:
    if as_json:
        print_json(person)
        return
    if person.state == "trusted":
        say(f"paired with {shown(person)}.")
        return
    say(f"{shown(person)} is asked; its owner says `crofter peers accept` there. `crofter peers` shows how it stands.")
    if person.problem:
        say(f"it could not be reached yet, and is asked again by itself: {person.problem}")
