"""`crofter invite` and `crofter join`: one text that brings another node in."""

import sys
import time

import click

from crofter.api import InviteSummary
from crofter.cli.client import connect
from crofter.cli.output import ago, duration, json_option, print_json, print_table, say
from crofter.cli.qr import show_qr
from crofter.node import Home

from .people import shown

_MOST_CHARACTERS = 4_000


@click.group("invite", invoke_without_command=True)
@click.option(
    "--uses", type=click.IntRange(1, 256), default=1, show_default=True, help="How many nodes may join by it."
)
@click.option("--days", type=click.IntRange(1, 7), default=1, show_default=True, help="How long it holds.")
@json_option()
@click.pass_context
def invite_command(context: click.Context, uses: int, days: int, as_json: bool) -> None:
    """Make a text that brings another node in: whoever has it is trusted here, and learns the secret of your network."""
    if context.invoked_subcommand is not None:
        return
    with connect(Home.from_environment()) as client:
        created = client.admin.create_invite(uses, days)
    if as_json:
        print_json(created)
        return
    click.echo(created.text)
    show_qr(created.text)
    whom = "one node" if uses == 1 else f"{uses} nodes"
    say(f"For {whom}, for {days * 24} hours: `crofter join TEXT` there, while this node runs. Give it to nobody else.")
    say(f"`crofter invite revoke {created.invite.name}` ends it.")


@invite_command.command("ls")
@json_option()
def ls(as_json: bool) -> None:
    """The invites given out, and who came in by them."""
    with connect(Home.from_environment()) as client:
        invites = client.admin.invites()
    if as_json:
        print_json(invites)
        return
    titles = ("NAME", "MADE", "HOLDS", "USES LEFT", "USED BY")
    print_table(titles, [_row(invite) for invite in invites], empty="no invites; `crofter invite` makes one.")


@invite_command.command("revoke")
@click.argument("name")
def revoke(name: str) -> None:
    """Let nobody join by an invite any more. Who has joined stays: `crofter peers forget` ends that."""
    with connect(Home.from_environment()) as client:
        invite = client.admin.revoke_invite(name)
    say(f"nobody joins by {invite.name} any more; {len(invite.used_by)} did.")


@click.command("join")
@click.argument("text")
@click.option(
    "--switch", is_flag=True, help="Leave the network this node is in for the invite's, and whom it knows there."
)
@json_option()
def join_command(text: str, switch: bool, as_json: bool) -> None:
    """Trust the node that made an invite, as it trusts this one, and come into its network.

    TEXT is the invite, or - to read it from standard input, so that it stays out of the shell's history.
    """
    if text == "-":
        text = sys.stdin.read(_MOST_CHARACTERS)
    with connect(Home.from_environment()) as client:
        person = client.admin.join(text, switch=switch)
        network = client.admin.network().network
    if as_json:
        print_json(person)
        return
    if person.state == "trusted":
        say(f"paired with {shown(person)}.")
    else:
        say(f"{shown(person)} has let this node in, and is told so again by itself: {person.problem}")
    if network:
        say(f"this node is in the private network {network}.")


def _row(invite: InviteSummary) -> tuple[str, ...]:
    now = time.time()
    used_by = " ".join(node_id[:16] for node_id in invite.used_by)
    return invite.name, ago(invite.made_at, now), duration(invite.expires_at - now), str(invite.uses_left), used_by
