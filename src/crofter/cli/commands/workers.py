"""`crofter ps` and `stop`: the loaded models."""

import click

from crofter.api import LoadedModel
from crofter.cli.client import connect
from crofter.cli.output import duration, json_option, print_json, print_table, say, size
from crofter.node import Home


@click.command("ps")
@json_option()
def ps_command(as_json: bool) -> None:
    """List the loaded models."""
    with connect(Home.from_environment()) as client:
        models = client.admin.loaded_models()
    if as_json:
        print_json(models)
        return
    rows = [
        (
            model.name,
            model.state,
            str(model.process_id),
            size(model.resident_bytes),
            f"{model.context_tokens:,}",
            f"{model.kv_tokens_used:,} of {model.kv_tokens:,}",
            f"{model.active_requests} + {model.queued_requests} waiting",
            f"{model.gpu_layers} GPU layers, {model.threads} threads",
            expiry(model),
        )
        for model in models
    ]
    titles = ("NAME", "STATE", "PROCESS", "MEMORY", "CONTEXT", "KV USED", "REQUESTS", "RUNS ON", "UNLOADS")
    print_table(titles, rows, empty="no model is loaded; the next question loads one.")


def expiry(model: LoadedModel) -> str:
    """When a model is unloaded for idleness."""
    if model.pinned:
        return "pinned"
    return "kept" if model.expires_in_seconds is None else f"in {duration(model.expires_in_seconds)}"


@click.command("stop")
@click.argument("name")
def stop_command(name: str) -> None:
    """Unload a model and free its memory; the next question loads it again."""
    with connect(Home.from_environment()) as client:
        client.admin.unload_model(name)
    say(f"unloaded {name}.")
