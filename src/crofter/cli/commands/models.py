"""`crofter ls`, `show` and `rm`: the installed models."""

import time
from urllib.parse import quote

import click

from crofter.api import ModelDetails, ModelMemory, ModelSummary
from crofter.cli.client import ADMIN
from crofter.cli.output import ago, print_facts, print_json, print_table, say, size
from crofter.cli.start import ensure_node


@click.command("ls")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def ls_command(as_json: bool) -> None:
    """List the installed models."""
    with ensure_node() as client:
        models = client.get(f"{ADMIN}/models", list[ModelSummary])
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
        for model in models
    ]
    print_table(
        ("NAME", "SIZE", "QUANTIZATION", "CONTEXT", "FIT", "CAN", "ADDED"), rows, empty="no models; crofter pull --list"
    )


@click.command("show")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_command(name: str, as_json: bool) -> None:
    """Everything about one model."""
    with ensure_node() as client:
        details = client.get(f"{ADMIN}/models/{quote(name)}", ModelDetails)
    if as_json:
        print_json(details)
        return
    model = details.summary
    heads = f"{details.head_count} heads, {details.key_value_head_count} for keys and values"
    print_facts(
        [
            ("name", model.name),
            ("id", model.model_id),
            ("file", details.path),
            ("size", size(model.size_bytes)),
            (
                "architecture",
                f"{model.architecture}, {details.layer_count} layers of {details.embedding_length}, {heads}",
            ),
            ("parameters", f"{model.parameter_count:,}"),
            ("quantization", model.quantization),
            ("tensors", ", ".join(f"{count} {kind}" for kind, count in details.tensor_types.items())),
            ("context", f"{model.context_length:,} tokens, {size(details.kv_bytes_per_token)} each"),
            *memory_lines(details.memory),
            ("vocabulary", f"{details.vocabulary_size:,}"),
            ("can", ", ".join(model.capabilities)),
            ("license", details.license or "not stated"),
            ("from", details.origin or "a file"),
            ("tuning", ", ".join(f"{key}={value}" for key, value in details.tuning.items()) or "none; crofter tune"),
        ]
    )


def memory_lines(memory: ModelMemory | None) -> list[tuple[str, str]]:
    """What a model would take, where, and what to do if that is too much."""
    if memory is None:
        return []
    parts = [
        f"{size(memory.weights_bytes)} weights",
        f"{size(memory.kv_bytes)} keys and values of {memory.kv_tokens:,} tokens",
        f"{size(memory.compute_bytes)} computing",
        f"{size(memory.process_bytes)} process",
    ]
    on_accelerators = [f"{size(taken)} on accelerator {index}" for index, taken in enumerate(memory.accelerator_bytes)]
    total = [f"{size(memory.total_bytes)} with a context of {memory.context_tokens:,}", *on_accelerators]
    lines = [("memory", f"{', '.join(total)}; {size(memory.free_bytes)} free"), ("of which", ", ".join(parts))]
    return [*lines, ("advice", memory.advice)] if memory.advice else lines


@click.command("rm")
@click.argument("name")
def rm_command(name: str) -> None:
    """Remove a model. Its file is deleted when no other name needs it."""
    with ensure_node() as client:
        model = client.send("DELETE", f"{ADMIN}/models/{quote(name)}", ModelSummary)
    say(f"removed {model.name} ({size(model.size_bytes)}).")
