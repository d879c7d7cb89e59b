"""`crofter pull`: install a model from the hub or from a file."""

import os
import sys

import click
import msgspec

from crofter.api import CatalogueItem, ModelSummary, PullOffer, PullRequest
from crofter.cli.client import NodeClient
from crofter.cli.output import json_option, print_json, print_table, say, size
from crofter.cli.pull_progress import PullBar
from crofter.cli.start import ensure_node
from crofter.core import CrofterError, ErrorCode
from crofter.node import hub_environment


@click.command("pull")
@click.argument("source", metavar="MODEL", required=False)
@click.option("--name", help="What to call it; otherwise it is named after itself.")
@click.option(
    "-q", "--quantization", default="", metavar="Q", help="Such as Q4_K_M; otherwise what suits this machine."
)
@click.option("-y", "--yes", is_flag=True, help="Agree to the model's licence without being asked.")
@click.option("--list", "as_list", is_flag=True, help="Show the built-in catalogue and what of it fits this machine.")
@json_option("Print the model, or the catalogue, as JSON.")
def pull_command(
    source: str | None, name: str | None, quantization: str, yes: bool, as_list: bool, as_json: bool
) -> None:
    """Install a model from the Hugging Face hub, or from a file.

    MODEL is a name of the catalogue (qwen3:4b), a task (chat, code, embedding, vision), organisation/repository with an optional :Q4_K_M or
    :file.gguf, an address on the hub, or the path of a GGUF file. What was interrupted goes on when the command is given again.
    """
    if as_list:
        _list(as_json)
        return
    if source is None:
        raise click.UsageError("say which model; `crofter pull --list` shows good ones.")
    request = PullRequest(
        source=_absolute(source), name=name, quantization=quantization, accept_license=yes, **hub_environment()
    )
    with ensure_node() as client:
        try:
            model = _pulled(client, request)
        except CrofterError as error:
            if error.code is not ErrorCode.LICENSE_NOT_ACCEPTED or not sys.stdin.isatty():
                raise
            click.confirm("Do you agree to its terms?", abort=True, err=True)
            model = _pulled(client, msgspec.structs.replace(request, accept_license=True), shown=True)
    if as_json:
        print_json(model)
    else:
        fit = f"; {model.fit}" if model.fit else ""
        say(f"installed {model.name} ({size(model.size_bytes)}, {model.quantization}{fit}). Try: {advice(model)}")


def _absolute(source: str) -> str:
    """The node runs in a folder of its own: what is relative here must be absolute there."""
    path = os.path.expanduser(source)
    return os.path.abspath(path) if os.path.exists(path) else source


def _pulled(client: NodeClient, request: PullRequest, *, shown: bool = False) -> ModelSummary:
    model: ModelSummary | None = None
    fetching = False
    with PullBar() as bar:
        try:
            for step in client.admin.pull(request):
                if step.offer is not None:
                    fetching = True
                    if not shown:
                        bar.say(described(step.offer))
                bar.update(step)
                model = step.model or model
        except KeyboardInterrupt:
            if fetching:
                bar.say("What was downloaded is kept: the same command goes on from there.")
            raise
    if model is None:
        raise CrofterError(ErrorCode.INTERNAL, "the node stopped before the model was installed; see `crofter logs`.")
    return model


def described(offer: PullOffer) -> str:
    """What is about to be downloaded, why, and under which terms."""
    files = offer.files[0] if len(offer.files) == 1 else f"{offer.files[0]} and {len(offer.files) - 1} more parts"
    known = "known to Crofter's catalogue" if offer.pinned else "the one the hub states"
    lines = [
        f"{offer.repository}: {files}, {size(offer.size_bytes)}",
        f"  {offer.reason}",
        f"  memory: about {size(offer.needed_bytes)} with a short context",
        f"  license: {offer.license or 'not stated'}{f' ({offer.license_link})' if offer.license_link else ''}",
        f"  revision {offer.revision[:12]}; the content's hash must be {known}",
    ]
    return "\n".join([*lines, f"  {offer.consent}: {offer.page}"] if offer.consent else lines)


def advice(model: ModelSummary) -> str:
    """What to do next with a new model."""
    return f"crofter chat {model.name}" if "chat" in model.capabilities else f"crofter show {model.name}"


def _list(as_json: bool) -> None:
    with ensure_node() as client:
        items = client.admin.catalogue()
    if as_json:
        print_json(items)
        return
    rows = [
        (item.name, item.task, f"about {size(item.size_bytes)}", _verdict(item), item.license, item.about)
        for item in items
    ]
    print_table(("NAME", "TASK", "SIZE", "THIS MACHINE", "LICENSE", "GOOD FOR"), rows, empty="the catalogue is empty")
    say("Anything else on the hub: crofter pull organisation/repository")


def _verdict(item: CatalogueItem) -> str:
    if item.installed:
        return "installed"
    if not item.fits:
        return f"needs about {size(item.needed_bytes)}"
    return "recommended" if item.recommended else "fits"
