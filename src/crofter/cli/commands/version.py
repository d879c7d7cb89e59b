"""`crofter version`."""

import click

from crofter.cli.output import json_option, print_json
from crofter.node import crofter_version


@click.command("version")
@json_option()
def version_command(as_json: bool) -> None:
    """Print the version."""
    if as_json:
        print_json({"version": crofter_version()})
    else:
        click.echo(crofter_version())
