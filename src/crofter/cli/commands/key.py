"""`crofter key`: API keys for programs and other machines."""

import time
from urllib.parse import quote

import click

from crofter.api import CreatedKey, KeySummary
from crofter.cli.client import ADMIN
from crofter.cli.output import ago, print_json, print_table, say
from crofter.cli.start import ensure_node


@click.group("key")
def key_command() -> None:
    """Manage API keys. Once one exists, every request needs one."""


@key_command.command("create")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def create(name: str, as_json: bool) -> None:
    """Create a key and print its secret, this once."""
    with ensure_node() as client:
        created = client.send("POST", f"{ADMIN}/keys", CreatedKey, {"name": name})
    if as_json:
        print_json(created)
        return
    click.echo(created.secret)
    say("Keep it now: the node has only a hash. From now on requests need `Authorization: Bearer …`.")


@key_command.command("ls")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_keys(as_json: bool) -> None:
    """List the keys, without their secrets."""
    with ensure_node() as client:
        keys = client.get(f"{ADMIN}/keys", list[KeySummary])
    if as_json:
        print_json(keys)
        return
    now = time.time()
    rows = [
        (
            key.name,
            f"{key.prefix}…",
            ago(key.created_at, now),
            ago(key.last_used_at, now) if key.last_used_at else "never",
        )
        for key in keys
    ]
    print_table(("NAME", "BEGINS", "CREATED", "USED"), rows, empty="no keys; programs on this machine need none.")


@key_command.command("revoke")
@click.argument("name")
def revoke(name: str) -> None:
    """Revoke a key; it stops working at once."""
    with ensure_node() as client:
        client.send("DELETE", f"{ADMIN}/keys/{quote(name)}", KeySummary)
    say(f"revoked {name}.")
