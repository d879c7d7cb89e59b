"""`crofter tune`: measure once which settings suit this machine and model."""

from typing import Literal

import click

from crofter.api import TuneProgress
from crofter.cli.output import json_option, print_facts, print_json, say
from crofter.cli.start import ensure_node
from crofter.core import CrofterError, ErrorCode


@click.command("tune")
@click.argument("model")
@click.option(
    "--workload",
    type=click.Choice(["chat", "reading"]),
    default="chat",
    show_default=True,
    help="What to favour: writing answers, or reading long prompts.",
)
@json_option("Print the last step as JSON.")
def tune_command(model: str, workload: Literal["chat", "reading"], as_json: bool) -> None:
    """Try threads, batch size, flash attention and weight layout on MODEL, and remember the best."""
    last: TuneProgress | None = None
    with ensure_node() as client:
        for step in client.admin.tune(model, workload):
            last = step
            speed = (
                f": reads {step.prefill_tokens_per_second:.0f}, writes {step.decode_tokens_per_second:.1f} tokens/s"
                if step.decode_tokens_per_second
                else ""
            )
            say(f"{step.step}/{step.steps}  {step.description}{speed}")
    if last is None or last.chosen is None:
        raise CrofterError(ErrorCode.INTERNAL, "the measuring ended without a choice; see `crofter logs`.")
    if as_json:
        print_json(last)
    elif last.chosen:
        print_facts([(key, str(value)) for key, value in last.chosen.items()])
