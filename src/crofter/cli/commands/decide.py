"""`crofter alias` and `crofter set`: what the owner decides about an installed model."""

from typing import Any

import click

from crofter.api import ModelChange, ModelDetails
from crofter.cli.output import json_option, print_json, say
from crofter.cli.start import ensure_node

_FROM_FILE = "from-file"
_DEFAULT = "default"


@click.command("alias")
@click.argument("model")
@click.argument("name")
@json_option("Print the model as JSON.")
def alias_command(model: str, name: str, as_json: bool) -> None:
    """Let NAME mean MODEL too. `crofter rm` forgets one name; the last one takes the file with it."""
    with ensure_node() as client:
        made = client.admin.alias_model(model, name)
    if as_json:
        print_json(made)
    else:
        same = f"{made.model_id[:12]}, as {model} is" if made.model_id else model
        say(f"{made.name} is {same}.")


@click.command("set")
@click.argument("model")
@click.option(
    "--capabilities", metavar="LIST", help=f"What it is for, such as chat,tools; {_FROM_FILE}: what its file says."
)
@click.option("--context", metavar="TOKENS", help=f"How long a context to make; {_DEFAULT}: as the settings say.")
@click.option("--pin/--unpin", "pinned", default=None, help="Whether it stays loaded once it is.")
@json_option("Print the model as JSON.")
def set_command(model: str, capabilities: str | None, context: str | None, pinned: bool | None, as_json: bool) -> None:
    """Decide about MODEL what its file or the node's settings would decide otherwise. `crofter show MODEL` tells what was."""
    change: dict[str, Any] = {}
    if capabilities is not None:
        change["capabilities"] = None if capabilities == _FROM_FILE else capabilities.split(",")
    if context is not None:
        change["context_tokens"] = _tokens(context)
    if pinned is not None:
        change["pinned"] = pinned
    if not change:
        raise click.UsageError("say what to set; `crofter set --help` lists what there is.")
    with ensure_node() as client:
        details = client.admin.change_model(model, ModelChange(**change))
    if as_json:
        print_json(details)
        return
    say(f"{details.summary.name}: {decisions(details) or 'nothing set, all as its file and the settings say'}.")
    if context is not None:
        say(
            f"The context takes effect when the model is loaded next (`crofter stop {details.summary.name}` unloads it)."
        )


def decisions(details: ModelDetails) -> str:
    """What its owner decided, in words; empty: nothing."""
    model = details.summary
    found = [
        f"for {', '.join(model.capabilities)}" if model.capabilities != details.file_capabilities else "",
        f"context of {details.context_tokens:,} tokens" if details.context_tokens else "",
        "pinned" if model.pinned else "",
    ]
    return "; ".join(filter(None, found))


def _tokens(text: str) -> int:
    if text == _DEFAULT:
        return 0
    try:
        return int(text.replace(",", "").replace("_", ""))
    except ValueError:
        raise click.UsageError(f"--context takes a number of tokens or `{_DEFAULT}`.") from None
