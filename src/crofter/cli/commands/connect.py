"""`crofter connect`: other programs use this node."""

from pathlib import Path

import click

from crofter.api import ModelSummary
from crofter.cli.client import NodeClient
from crofter.cli.connecting.changing import before, change, difference, read, undo
from crofter.cli.connecting.programs import PROGRAMS, Program, Target
from crofter.cli.output import print_table, say
from crofter.cli.start import ensure_node
from crofter.core import CrofterError, ErrorCode

_ANY_KEY = "crofter"


@click.command("connect")
@click.argument("program", required=False)
@click.option("--model", default="", help="Which of the node's models; otherwise its default.")
@click.option("--key", envvar="CROFTER_API_KEY", help="An API key of the node, if it has any (`crofter key create`).")
@click.option("--print", "only_print", is_flag=True, help="Show what would stand there, and change nothing.")
@click.option("--undo", "undoes", is_flag=True, help="Put the program's configuration back as it was.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def connect_command(
    program: str | None, model: str, key: str | None, only_print: bool, undoes: bool, yes: bool
) -> None:
    """Let PROGRAM use this node: writes its configuration after showing the change, and keeps what was there.

    Without PROGRAM, lists those it knows.
    """
    if program is None:
        rows = [[name, one.title, f"~/{one.file}" if one.file else "by hand"] for name, one in PROGRAMS.items()]
        print_table(["NAME", "PROGRAM", "CONFIGURATION"], rows, empty="")
        return
    known = PROGRAMS.get(program)
    if known is None:
        raise click.UsageError(f"there is no program {program!r}; `crofter connect` lists those it knows.")
    if undoes:
        _undo(known, yes=yes)
        return
    with ensure_node() as client:
        target = _target(client, model, key)
    if known.merge is not None:
        _configure(known, target, known.merge(read(known.path(Path.home())), target), only_print=only_print, yes=yes)
    if known.words is not None:
        click.echo(known.words(target))


def _target(client: NodeClient, model: str, key: str | None) -> Target:
    if key is None and client.admin.keys():
        raise click.UsageError("this node asks for a key: `crofter key create NAME` makes one, `--key` takes it.")
    name = model or client.admin.status().default_model
    if not name:
        raise CrofterError(ErrorCode.MODEL_NOT_FOUND, "there is no model that chats; `crofter pull chat` gets one")
    summary: ModelSummary = client.admin.model(name).summary
    return Target(url=client.node.url, key=key or _ANY_KEY, model=summary.name, context_length=summary.context_length)


def _configure(program: Program, target: Target, new: str, *, only_print: bool, yes: bool) -> None:
    path = program.path(Path.home())
    if only_print:
        click.echo(new, nl=False)
        return
    changes = difference(read(path), new, path)
    if not changes:
        say(f"{program.title} uses {target.model} of this node already.")
        return
    say(changes)
    if not yes and not click.confirm(f"\nChange {path}?", default=True, err=True):
        raise click.Abort
    backup = change(path, new)
    kept = f" What was there is in {backup}." if backup else ""
    say(f"{program.title} uses {target.model} of this node now.{kept} `--undo` puts it back.")
    if target.context_length <= program.least_context:
        say(
            f"Its own prompts take some {program.least_context:,} tokens and {target.model} holds {target.context_length:,}:"
            f" it will be refused as too long. `--model` names another one, `crofter pull code` gets one."
        )


def _undo(program: Program, *, yes: bool) -> None:
    if not program.file:
        raise click.UsageError(f"{program.title} was configured by hand; there is nothing to undo.")
    path = program.path(Path.home())
    was = before(path) or ""
    changes = difference(read(path), was, path)
    if changes:
        say(changes)
    if changes and not yes and not click.confirm(f"\nPut {path} back?", default=True, err=True):
        raise click.Abort
    undo(path)
    say(f"{program.title}'s configuration is as it was.")
