"""`crofter swarm`: a model over several nodes, tried out on one machine."""

import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager

import click

from crofter.cli.output import json_option, print_json, say
from crofter.cli.start import ensure_node
from crofter.cli.swarm.nodes import alone, end_all
from crofter.cli.swarm.trial import tried
from crofter.node import Home

_NAMES = ("ada", "bob", "cleo", "dora", "emil", "fay", "gus", "hana")
_EXIT_DIFFERS = 1
_ENDING = (signal.SIGTERM, signal.SIGHUP)


@click.group("swarm")
def swarm_command() -> None:
    """Models over several nodes, tried out on this machine alone."""


@swarm_command.command("try")
@click.argument("model", default="seedling")
@click.option("--nodes", "count", type=click.IntRange(2, len(_NAMES)), default=3, show_default=True, help="How many.")
@click.option("--ask", "question", default="Tell me a story.", show_default=True, help="What to ask.")
@click.option("--keep", is_flag=True, help="Leave the nodes running, until the next try or `crofter swarm down`.")
@json_option()
@click.pass_context
def try_(context: click.Context, model: str, count: int, question: str, keep: bool, as_json: bool) -> None:
    """Run MODEL over several small nodes on this machine, and compare the answer with the whole model's.

    The nodes are real ones, in homes of their own. Each has so little memory for models that MODEL fits on none of them, and on all
    together. They listen on this machine only, and are gone afterwards. MODEL is an installed one; without it, the one that came
    with Crofter.
    """
    folder = Home.from_environment().swarm_folder
    with ensure_node() as client:
        details = client.admin.model(model)
    with alone(folder), _ended_by_signals():
        end_all(folder)
        ended = False
        try:
            result = tried(folder, details, _NAMES[:count], question, as_json=as_json)
            ended = keep
        finally:
            if not ended:
                end_all(folder)
    if as_json:
        print_json(result)
    elif keep:
        say(f"The nodes run on: `crofter --home {result.nodes[0].home} route ls`. End them with `crofter swarm down`.")
    context.exit(0 if result.same else _EXIT_DIFFERS)


@swarm_command.command("down")
def down() -> None:
    """End the nodes that `swarm try --keep`, or one that was killed, left running."""
    folder = Home.from_environment().swarm_folder
    with alone(folder):
        count = end_all(folder)
    say(f"ended {count} nodes." if count else "no temporary nodes were running.")


@contextmanager
def _ended_by_signals() -> Generator[None]:
    """Whoever ends this command, or closes its terminal, ends the block in order, as Ctrl-C does."""

    def leave(number: int, _: object) -> None:
        sys.exit(128 + number)

    former = {number: signal.signal(number, leave) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
