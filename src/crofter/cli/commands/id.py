"""`crofter id`: who this node is to others, its backup, its move to another machine, its passphrase."""

from pathlib import Path

import click

from crofter.api import NodeIdentity
from crofter.cli.client import NodeClient
from crofter.cli.output import json_option, print_facts, print_json, say
from crofter.cli.passphrases import Passphrases
from crofter.cli.qr import print_id_qr
from crofter.node import (
    Home,
    change_identity_passphrase,
    export_identity,
    identity_has_passphrase,
    import_identity,
    stored_identity,
)

_FILE = click.Path(dir_okay=False, path_type=Path)
_from_stdin = click.option(
    "--passphrase-from-stdin",
    "from_stdin",
    is_flag=True,
    help="Read what is asked for from standard input, a line each.",
)


@click.group("id", invoke_without_command=True)
@click.option("--qr", is_flag=True, help="Print a QR code of the id too.")
@json_option()
@click.pass_context
def id_command(context: click.Context, qr: bool, as_json: bool) -> None:
    """Who this node is to others. It is this key, wherever the node's folder lies."""
    if context.invoked_subcommand is not None:
        return
    identity = _identity(Home.from_environment())
    if as_json:
        print_json(identity)
        return
    print_facts([("id", identity.id), ("did", identity.did), ("fingerprint", identity.fingerprint)])
    if qr:
        print_id_qr(identity.id)


@id_command.command("export")
@click.argument("file", type=_FILE)
@_from_stdin
def export(file: Path, from_stdin: bool) -> None:
    """Write a backup of the identity that only a passphrase opens: its own if it has one, else a new one."""
    home = Home.from_environment()
    own = identity_has_passphrase(home.identity_file)
    stored_identity(home)
    identity = export_identity(home, file, None if own else Passphrases(from_stdin).fresh(str(file)))
    say(
        f"wrote {identity.fingerprint} to {file}; it opens with {'the passphrase it has here' if own else 'this passphrase'}."
    )
    say("Who has both can be this node. `crofter id import` takes it up again.")


@id_command.command("import")
@click.argument("file", type=_FILE)
@click.option(
    "--replace", is_flag=True, help="Put it in the place of the identity that is here, which is kept beside it."
)
@_from_stdin
def import_(file: Path, replace: bool, from_stdin: bool) -> None:
    """Become the node that a backup was made of. The passphrase stays the backup's."""
    home = Home.from_environment()
    sealed = identity_has_passphrase(file)
    passphrase = Passphrases(from_stdin).current(str(file)) if sealed else None
    identity = import_identity(home, file, passphrase, replace=replace)
    say(f"this node is {identity.fingerprint} now. Let no other node run with the same identity.")
    if sealed:
        say("It starts with the backup's passphrase; `crofter id passphrase` changes it or takes it away.")


@id_command.command("passphrase")
@click.option("--remove", is_flag=True, help="Let the node start without one.")
@_from_stdin
def passphrase(remove: bool, from_stdin: bool) -> None:
    """Set or change the passphrase that the node needs to start, or take it away."""
    home, passphrases = Home.from_environment(), Passphrases(from_stdin)
    stored_identity(home)
    name = str(home.identity_file)
    current = passphrases.current(name) if identity_has_passphrase(home.identity_file) else None
    change_identity_passphrase(home, current, None if remove else passphrases.fresh(name))
    say("the passphrase is gone." if remove else "the node needs this passphrase from its next start on.")


def _identity(home: Home) -> NodeIdentity:
    node = home.running()
    if node is None:
        return stored_identity(home)
    with NodeClient(node) as client:
        return client.admin.identity()
