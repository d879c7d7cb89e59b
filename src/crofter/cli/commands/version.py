"""`crofter version`."""

import click

from crofter.cli.output import print_json
from crofter.node import crofter_version


@click.command("version")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def version_command(as_json: bool) -> None:
    """Print the version."""
    if as_json:
        print_json({"version": crofter_version()})
    else:
        click.echo(crofter_version())
