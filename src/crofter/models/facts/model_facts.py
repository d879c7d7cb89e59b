"""What a model is, told by its header: the facts that people and the engine ask for. Refuses files that cannot answer alone."""

import math
import re
from collections import Counter
from pathlib import Path

import msgspec

from crofter.core import ModelShape, Sampling
from crofter.models.gguf.header import Header, read_header
from crofter.models.gguf.parts import part_paths, read_model
from crofter.models.gguf.tables import FILE_TYPES

from .capabilities import capabilities
from .projector import ProjectorShape, read_projector_shape
from .shape import layer_kv_bytes, per_layer, read_shape

READING = 3
"""To be counted up when files are understood differently: facts that were kept before are then read again."""
_MAXIMUM_LAYERS = 10_000
_MAXIMUM_LENGTH = 1 << 24
_GUESSED_FILE_TYPE = 1_024  # a flag
_UNKNOWN_FILE_TYPE = 1_023
_ARCHITECTURE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_SHOWN_CHARACTERS = 200
_OLLAMA_VISION = ("v.", "mm.")
"""How tensors of a vision part are called; llama.cpp has them in files of their own, and loads no model with tensors left over."""
_OTHER_KINDS = {
    "adapter": "it is a LoRA adapter, applied to a model; put it into the home's adapters folder and name it in a request's `lora`",
    "imatrix": "it is an importance matrix, used when quantising",
    "mmproj": "it is the vision or audio part of another model",
}


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A model in numbers and words. Kept as JSON with its record: a new field needs a default."""

    name: str
    """The file's own name for itself; may be empty."""
    architecture: str
    parameter_count: int
    quantization: str
    context_length: int
    layer_count: int
    embedding_length: int
    head_count: int
    key_value_head_count: int
    """The most any layer has."""
    vocabulary_size: int
    kv_bytes_per_token: int
    """Keys and values of one token over all layers at 16 bits; recurrent layers, whose state does not grow, count nothing."""
    license: str
    chat_template: str
    capabilities: tuple[str, ...]
    tensor_types: dict[str, int]
    sampling: Sampling
    """What the model's makers recommend; None where they say nothing."""
    reading: int = 0
    """Of which READING they are."""
    shape: ModelShape = ModelShape()
    projector: ProjectorShape | None = None
    """Of the file that turns images or sound into its input."""


def read_facts(path: Path, projector: Path | None = None) -> ModelFacts:
    """The facts of the GGUF at `path`, all its parts if it is split, with its projector if it has one.

    Raises as `read_model` and `facts_of`.
    """
    return facts_of(read_model(part_paths(path)), projector)


def facts_of(header: Header, projector: Path | None = None) -> ModelFacts:
    """What a header says. Raises MODEL_INVALID, with the reason, if it is not that of a model; as `read_header` of the projector."""
    _refuse_other_kinds(header)
    architecture = header.text("general.architecture")
    layer_count = header.integer(f"{architecture}.block_count", limit=_MAXIMUM_LAYERS)
    embedding_length = header.integer(f"{architecture}.embedding_length", limit=_MAXIMUM_LENGTH)
    if not layer_count or not embedding_length:
        raise header.invalid("it has no layers")
    heads = per_layer(header, f"{architecture}.attention.head_count", (0,) * layer_count)
    kv_heads = per_layer(header, f"{architecture}.attention.head_count_kv", heads)
    seen = read_header(projector) if projector else None
    return ModelFacts(
        name=_shown(header.text("general.name")),
        architecture=architecture,
        parameter_count=sum(math.prod(tensor.shape) for tensor in header.tensors),
        quantization=_quantization(header),
        context_length=header.integer(f"{architecture}.context_length"),
        layer_count=layer_count,
        embedding_length=embedding_length,
        head_count=max(heads),
        key_value_head_count=max(kv_heads),
        vocabulary_size=header.array_length("tokenizer.ggml.tokens"),
        kv_bytes_per_token=sum(layer_kv_bytes(header, architecture)),
        license=_shown(header.text("general.license")),
        chat_template=header.text("tokenizer.chat_template"),
        capabilities=capabilities(header, architecture, seen),
        tensor_types=dict(Counter(tensor.type.name for tensor in header.tensors).most_common()),
        sampling=_sampling(header),
        reading=READING,
        shape=read_shape(header, architecture),
        projector=read_projector_shape(seen) if seen else None,
    )


def _refuse_other_kinds(header: Header) -> None:
    architecture = header.text("general.architecture")
    kind = "mmproj" if architecture == "clip" else header.text("general.type", "model")
    if kind != "model":
        raise header.invalid(_OTHER_KINDS.get(kind, f"it is a {kind[:40]!r}, not a model"))
    if not _ARCHITECTURE.fullmatch(architecture):
        raise header.invalid("general.architecture is missing or not a name")
    if any(tensor.name.startswith(_OLLAMA_VISION) for tensor in header.tensors):
        raise header.invalid(
            "its vision part is in the same file, which only Ollama's own engine reads; llama.cpp wants it apart: pull the model from"
            " the hub"
        )
    if not header.tensors:
        raise header.invalid("it has a vocabulary but no weights")
    if not header.array_length("tokenizer.ggml.tokens"):
        raise header.invalid("it has no vocabulary")


def _quantization(header: Header) -> str:
    label = FILE_TYPES.get(header.integer("general.file_type", _UNKNOWN_FILE_TYPE) & ~_GUESSED_FILE_TYPE)
    if label is not None:
        return label
    bytes_by_type: Counter[str] = Counter()
    for tensor in header.tensors:
        bytes_by_type[tensor.type.name] += tensor.size_bytes
    return bytes_by_type.most_common(1)[0][0]


def _sampling(header: Header) -> Sampling:
    def number(name: str) -> float | None:
        value = header.metadata.get(f"general.sampling.{name}")
        return float(value) if isinstance(value, int | float) and math.isfinite(value) else None

    top_k = number("top_k")
    repetition_penalty = number("penalty_repeat")
    return Sampling(
        temperature=number("temp"),
        top_k=None if top_k is None else int(top_k),
        top_p=number("top_p"),
        min_p=number("min_p"),
        repetition_penalty=1.0 if repetition_penalty is None else repetition_penalty,
    )


def _shown(text: str) -> str:
    """Text of a stranger that will be printed: no control characters, and not endless."""
    return "".join(character for character in text.strip() if character.isprintable())[:_SHOWN_CHARACTERS]
