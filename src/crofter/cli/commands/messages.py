"""`crofter message` and `crofter messages`: from one owner to another, without anybody between."""

import time

import click

from crofter.cli.client import connect
from crofter.cli.output import ago, json_option, print_json, say
from crofter.node import Home


@click.command("message")
@click.argument("peer")
@click.argument("text", nargs=-1, required=True)
@json_option()
def message_command(peer: str, text: tuple[str, ...], as_json: bool) -> None:
    """Say something to the owner of a node that is there and trusts this one; PEER is its id or fingerprint."""
    with connect(Home.from_environment()) as client:
        sent = client.admin.send_message(peer, " ".join(text))
    if as_json:
        print_json(sent)
        return
    say(f"{sent.fingerprint} has it.")


@click.command("messages")
@json_option()
def messages_command(as_json: bool) -> None:
    """Read what the owners of other nodes said; the newest 200, the last one at the end."""
    with connect(Home.from_environment()) as client:
        messages = client.admin.messages()
    if as_json:
        print_json(messages)
        return
    if not messages:
        say("no messages.")
    for message in messages:
        click.echo(f"{message.fingerprint}, {ago(message.received_at, time.time())}: {message.text}")
