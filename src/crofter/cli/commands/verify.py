"""`crofter verify`: is what lies on the disk still what was installed?"""

import click

from crofter.api import ModelSummary
from crofter.cli.output import json_option, print_json, say, size
from crofter.cli.pull_progress import PullBar
from crofter.cli.start import ensure_node
from crofter.core import CrofterError, ErrorCode


@click.command("verify")
@click.argument("model")
@json_option("Print the model as JSON.")
def verify_command(model: str, as_json: bool) -> None:
    """Read every byte of MODEL and compare it with the hashes in its manifest."""
    found: ModelSummary | None = None
    with ensure_node() as client, PullBar() as bar:
        for step in client.admin.verify(model):
            bar.update(step)
            found = step.model or found
    if found is None:
        raise CrofterError(ErrorCode.INTERNAL, "the node stopped before everything was read; see `crofter logs`.")
    if as_json:
        print_json(found)
    else:
        say(f"{found.name} is whole: all {size(found.size_bytes)} are what its manifest says.")
