"""`crofter show`: everything about one installed model."""

from collections.abc import Mapping, Sequence

import click
import msgspec

from crofter.api import ModelDetails, ModelMemory, ModelPart, ModelSummary
from crofter.cli.output import json_option, print_facts, print_groups, print_json, print_table, size
from crofter.cli.start import ensure_node
from crofter.core import Sampling

_SHOWN_ID_CHARACTERS = 16


@click.command("show")
@click.argument("name")
@click.option("--layers", is_flag=True, help="A table of the layers and what is outside them.")
@click.option("--template", is_flag=True, help="Print the chat template as it is in the file.")
@json_option()
def show_command(name: str, layers: bool, template: bool, as_json: bool) -> None:
    """Everything about one model."""
    with ensure_node() as client:
        details = client.admin.model(name)
    if as_json:
        print_json(details)
    elif details.summary.provider:
        print_facts(_elsewhere(details))
    elif template:
        click.echo(details.chat_template)
    elif layers:
        print_layers(details.parts)
    else:
        print_groups(described(details))


def _elsewhere(details: ModelDetails) -> list[tuple[str, str]]:
    """What is known of a model that a provider runs."""
    return [
        ("name", details.summary.name),
        *([("also called", ", ".join(details.names[1:]))] if details.names[1:] else []),
        ("runs on", details.origin),
        ("address", details.path),
        ("radius", details.summary.radius),
    ]


def described(details: ModelDetails) -> list[list[tuple[str, str]]]:
    """What to print, in groups: which model, what it is, what it can do, what it takes."""
    return [_identity(details), _architecture(details), _abilities(details), _weights(details)]


def print_layers(parts: Sequence[ModelPart]) -> None:
    """A line for each part; the content's hash only where it is known."""
    titles = ["PART", "SIZE", "PARAMETERS", "TYPES"]
    rows = [[part.name, size(part.size_bytes), f"{part.parameter_count:,}", mix(part.bytes_by_type)] for part in parts]
    if any(part.group_id for part in parts):
        titles.append("BLAKE3")
        for row, part in zip(rows, parts, strict=True):
            row.append(part.group_id[:_SHOWN_ID_CHARACTERS])
    print_table(titles, rows, empty="no parts")


def mix(bytes_by_type: Mapping[str, int]) -> str:
    """{"Q4_K": 780, "Q6_K": 200, "F32": 2} as `Q4_K 79 %, Q6_K 20 %, F32 below 1 %`."""
    total = sum(bytes_by_type.values())
    shares = {kind: 100 * count / total for kind, count in bytes_by_type.items()}
    if len(shares) == 1:
        return next(iter(shares))
    return ", ".join(f"{kind} {f'{share:.0f}' if share >= 1 else 'below 1'} %" for kind, share in shares.items())


def _identity(details: ModelDetails) -> list[tuple[str, str]]:
    model = details.summary
    others = [name for name in details.names if name != model.name]
    return [
        ("name", model.name + (" (default)" if model.default else "")),
        *([("also called", ", ".join(others))] if others else []),
        ("id", model.model_id),
        ("file", details.path),
        ("from", details.origin or _source(model)),
        ("license", details.license or "not stated"),
        ("usable by", ", ".join(details.usable_by)),
    ]


def _source(model: ModelSummary) -> str:
    if model.linked:
        return "a file that lies elsewhere: used there, and never deleted"
    return "comes with Crofter" if model.embedded else "a file"


def _architecture(details: ModelDetails) -> list[tuple[str, str]]:
    model = details.summary
    layers = f"{details.layer_count} layers of {details.embedding_length:,}"
    heads = f"{details.head_count} heads, {details.key_value_head_count} for keys and values"
    experts = f"{details.expert_count}, of which {details.experts_used} work on a token"
    context = f"{model.context_length:,} tokens, {size(details.kv_bytes_per_token)} each"
    if details.sliding_window_tokens:
        context += f"; some layers look back {details.sliding_window_tokens:,} only"
    if details.rope_scaling:
        context += f"; positions stretched ({details.rope_scaling})"
    if details.context_tokens:
        context += f"; made for {details.context_tokens:,} (set by you)"
    active = f", {details.active_parameter_count:,} at work" if details.expert_count else ""
    return [
        ("architecture", f"{model.architecture}, {layers}, {heads}"),
        ("parameters", f"{model.parameter_count:,}{active}"),
        *([("experts", experts)] if details.expert_count else []),
        ("context", context),
        ("vocabulary", f"{details.vocabulary_size:,} tokens"),
    ]


def _abilities(details: ModelDetails) -> list[tuple[str, str]]:
    model = details.summary
    source = "says its file"
    if model.capabilities != details.file_capabilities:
        source = f"set by you; its file says {', '.join(details.file_capabilities)}"
    template = "`--template` prints it" if details.chat_template else "none"
    senses = [name for name in ("vision", "audio") if name in model.capabilities]
    return [
        ("can", f"{', '.join(model.capabilities)} ({source})"),
        *([("not yet", f"{' and '.join(senses)}: this Crofter sends text only")] if senses else []),
        ("template", template),
        ("sampling", _recommended(details.sampling) or "no recommendation"),
        *([("pinned", "stays loaded (set by you)")] if model.pinned else []),
    ]


def _weights(details: ModelDetails) -> list[tuple[str, str]]:
    layers = [part.size_bytes for part in details.parts if part.is_layer]
    rest = ", ".join(f"{part.name} {size(part.size_bytes)}" for part in details.parts if not part.is_layer)
    smallest, largest = (size(min(layers)), size(max(layers))) if layers else ("0 B", "0 B")
    return [
        ("size", size(details.summary.size_bytes)),
        ("quantization", f"{details.summary.quantization}: {mix(details.bytes_by_type)}"),
        ("each layer", smallest if smallest == largest else f"{smallest} to {largest}"),
        ("outside layers", rest),
        *memory_lines(details.memory),
        ("tuning", ", ".join(f"{key}={value}" for key, value in details.tuning.items()) or "none; crofter tune"),
    ]


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


def _recommended(sampling: Sampling) -> str:
    """Only what the makers say; the rest has the same defaults for every model."""
    plain = msgspec.structs.asdict(Sampling())
    said = {key: value for key, value in msgspec.structs.asdict(sampling).items() if value != plain[key]}
    return ", ".join(f"{key.replace('_', ' ')} {value:g}" for key, value in said.items())
