"""What `crofter peers` does with people: accept, refuse, rename, block, forget."""

import click

from crofter.api import PersonSummary
from crofter.cli.client import connect
from crofter.cli.output import say
from crofter.node import Home

_as_name = click.argument("name", metavar="PEER")


@click.command("accept")
@_as_name
@click.option("--yes", is_flag=True, help="Do not ask whether the id is the right one.")
def accept(name: str, yes: bool) -> None:
    """Pair with a node that asks for it."""
    with connect(Home.from_environment()) as client:
        person = client.admin.person(name)
        if not yes and person.id != name:
            # What it calls itself, and eight characters of an id, can be anyone's.
            say(f"{person.fingerprint} calls itself {person.their_name!r}. Its whole id is\n{person.id}")
            click.confirm("Is that the node you mean?", abort=True, err=True)
        person = client.admin.accept_person(person.id)
    say(f"paired with {shown(person)}." if person.state == "trusted" else f"{shown(person)} does not ask any more.")


@click.command("refuse")
@_as_name
def refuse(name: str) -> None:
    """Turn a request down. It may ask again; `block` ends that."""
    with connect(Home.from_environment()) as client:
        person = client.admin.refuse_person(name)
    say(f"{shown(person)} is refused.")


@click.command("rename")
@_as_name
@click.argument("new_name")
def rename(name: str, new_name: str) -> None:
    """Call a node something else. Only you see it."""
    with connect(Home.from_environment()) as client:
        person = client.admin.rename_person(name, new_name)
    say(f"{person.fingerprint} is called {person.name} now.")


@click.command("block")
@_as_name
def block(name: str) -> None:
    """Answer a node nothing any more, known or not; ends a pairing. `forget` ends the block."""
    with connect(Home.from_environment()) as client:
        person = client.admin.block_person(name)
    say(f"{shown(person)} is answered nothing any more.")


@click.command("forget")
@_as_name
def forget(name: str) -> None:
    """Be strangers again; ends a pairing for both of you, and a block."""
    with connect(Home.from_environment()) as client:
        person = client.admin.forget_person(name)
    say(f"{shown(person)} is a stranger again.")
    if person.problem:
        say(f"it has not been told yet: {person.problem}")


def shown(person: PersonSummary) -> str:
    """What to call somebody in a sentence."""
    return f"{person.name} ({person.fingerprint})" if person.name else person.fingerprint


COMMANDS = (accept, refuse, rename, block, forget)
