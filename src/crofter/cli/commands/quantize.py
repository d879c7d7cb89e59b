"""`crofter quantize`: a smaller version of an installed model."""

import click

from crofter.api import ModelSummary, QuantizeRequest
from crofter.cli.output import json_option, print_json, print_table, say, size
from crofter.cli.pull_progress import PullBar
from crofter.cli.start import ensure_node
from crofter.core import CrofterError, ErrorCode
from crofter.engine import KINDS


@click.command("quantize")
@click.argument("model", required=False)
@click.argument("quantization", metavar="Q", required=False)
@click.option("--name", help="What to call it; otherwise MODEL-Q.")
@click.option(
    "--requantize", is_flag=True, help="Quantise what is quantised already. It gets worse than from the original."
)
@click.option("--list", "as_list", is_flag=True, help="Show the kinds of quantisation.")
@json_option("Print the model as JSON.")
def quantize_command(
    model: str | None, quantization: str | None, name: str | None, requantize: bool, as_list: bool, as_json: bool
) -> None:
    """Make a smaller version of MODEL, such as Q4_K_M, and install it beside it.

    MODEL should be in F16, BF16 or F32. It is read and written once, on all cores, behind everything else the machine does; Ctrl-C
    leaves nothing behind.
    """
    if as_list:
        rows = [(kind, f"{known.bits_per_weight:g}", known.good_for) for kind, known in KINDS.items()]
        print_table(("Q", "BITS A WEIGHT", "COMPARED WITH THE ORIGINAL"), rows, empty="")
        return
    if model is None or quantization is None:
        raise click.UsageError(
            "say which model and how, as in `crofter quantize MODEL Q4_K_M`; --list shows the kinds."
        )
    request = QuantizeRequest(model=model, quantization=quantization, name=name, requantize=requantize)
    made: ModelSummary | None = None
    with ensure_node() as client, PullBar() as bar:
        for step in client.admin.quantize(request):
            bar.update(step)
            made = step.model or made
    if made is None:
        raise CrofterError(ErrorCode.INTERNAL, "the node stopped before the model was made; see `crofter logs`.")
    if as_json:
        print_json(made)
    else:
        say(f"installed {made.name} ({size(made.size_bytes)}, {made.quantization}).")
