"""`crofter ls` and `rm`: the installed models."""

import time

import click

from crofter.cli.output import ago, json_option, print_json, print_table, say, size
from crofter.cli.start import ensure_node


@click.command("ls")
@json_option()
def ls_command(as_json: bool) -> None:
    """List the installed models, and those of providers."""
    with ensure_node() as client:
        models = client.admin.models()
    if as_json:
        print_json(models)
        return
    now = time.time()
    rows = [
        (
            model.name + (" (default)" if model.default else ""),
            size(model.size_bytes),
            model.quantization,
            f"{model.context_length:,}",
            model.fit,
            ", ".join(model.capabilities),
            "comes with Crofter" if model.embedded else ago(model.added_at, now),
        )
        if not model.provider
        else (model.name + (" (default)" if model.default else ""), "", "", "", f"runs there, {model.radius}", "", "")
        for model in models
    ]
    print_table(
        ("NAME", "SIZE", "QUANTIZATION", "CONTEXT", "FIT", "CAN", "ADDED"), rows, empty="no models; crofter pull --list"
    )


@click.command("rm")
@click.argument("name")
def rm_command(name: str) -> None:
    """Remove a model. Its file is deleted when no other name needs it; an imported one that was only linked stays."""
    with ensure_node() as client:
        model = client.admin.remove_model(name)
    stays = "; its file was only linked and stays where it is" if model.linked else ""
    say(f"removed {model.name} ({size(model.size_bytes)}){stays}.")
