"""`crofter down`: stop the node and wait until it is gone."""

import click

from crofter.cli.client import connect
from crofter.cli.output import say
from crofter.cli.stop import stop_node
from crofter.node import Home


@click.command("down")
def down_command() -> None:
    """Stop the node. Running answers get a few seconds to finish."""
    home = Home.from_environment()
    with connect(home) as client:
        stop_node(home, client)
    say("stopped.")
