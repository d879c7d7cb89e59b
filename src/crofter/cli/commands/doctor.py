"""`crofter doctor`: what this machine can do, what is wrong, and what to do about it."""

import click

from crofter.api import Check
from crofter.cli.client import NodeClient
from crofter.cli.output import json_option, print_json, say
from crofter.node import Home, diagnose

_MARKS = {"ok": ("ok", "green"), "warning": ("warn", "yellow"), "problem": ("FAIL", "red")}


@click.command("doctor")
@json_option()
@click.pass_context
def doctor_command(context: click.Context, as_json: bool) -> None:
    """Check hardware, library, address, disk, store, models and network. Exit code 1 when something is broken."""
    home = Home.from_environment()
    node = home.running()
    if node is None:
        checks = diagnose(home)
    else:
        with NodeClient(node) as client:
            checks = client.admin.doctor()
    if as_json:
        print_json(checks)
    else:
        _print(checks)
        if node is None:
            say("no node runs now; started with `crofter up`, it can say more.")
    context.exit(1 if any(check.verdict == "problem" for check in checks) else 0)


def _print(checks: list[Check]) -> None:
    width = max(len(check.name) for check in checks)
    for check in checks:
        word, colour = _MARKS[check.verdict]
        click.echo(f"{click.style(f'{word:<4}', fg=colour)}  {check.name:<{width}}  {check.finding}")
        if check.advice:
            click.echo(f"{'':4}  {'':{width}}  → {check.advice}")
