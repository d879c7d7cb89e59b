"""How much memory a loaded model takes, on the host and on each accelerator: pure arithmetic over its shape.

The sizes are those that llama.cpp allocates for its worst step (`llama_context::sched_reserve`). `bench/fit.py` compares them with
real loads, docs/benchmarks.md says how far they were off.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

import msgspec

from crofter.core import ModelFile, ModelShape, ProjectorFile

MEBIBYTE = 1 << 20

_NUMBER_BYTES = 4
_MASK_BYTES = 2
_PROCESS_BYTES = 57 * MEBIBYTE
"""Interpreter and libraries of a worker before it has a model."""
_DECODER_BYTES = 24 * MEBIBYTE
"""The process that decodes images, between images."""
_TOKEN_BYTES = 280
"""What a worker knows of each token of the vocabulary: its text here and in llama.cpp, merges, the constraint's table."""
_ACCELERATOR_BYTES = 400 * MEBIBYTE
"""What a driver takes of an accelerator for a process that uses it. Not measured: no machine of ours has one."""
_USABLE_SHARE = 0.9
"""Share of an accelerator's free memory that is used: a card packed full fails at the first token."""
_GUESSED_LAYER_BYTES = 7
"""Bytes of a layer's weights by the square of its width: 12 numbers of 4.5 bits, a usual transformer's."""
_GUESSED_VOCABULARY = 128_000


class LoadChoice(msgspec.Struct, frozen=True, kw_only=True):
    """What is chosen when a model is loaded, as far as memory depends on it."""

    kv_tokens: int
    sequences: int
    micro_batch_rows: int
    fused_attention: bool


class DeviceNeed(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes on the host or on one accelerator."""

    weights_bytes: int = 0
    kv_bytes: int = 0
    """Keys and values of all tokens, and what recurrent layers remember of all sequences."""
    compute_bytes: int = 0
    """Buffers of one step."""
    process_bytes: int = 0
    """The worker itself; on an accelerator its driver."""

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return self.weights_bytes + self.kv_bytes + self.compute_bytes + self.process_bytes


class MemoryNeed(msgspec.Struct, frozen=True, kw_only=True):
    """Where a loaded model's memory lies."""

    host: DeviceNeed
    accelerators: tuple[DeviceNeed, ...] = ()

    @property
    def total_bytes(self) -> int:
        """On all devices together."""
        return self.host.total_bytes + sum(device.total_bytes for device in self.accelerators)


def shape_of(model: ModelFile) -> ModelShape:
    """The model's shape; where it is unknown, that of a usual transformer of its size."""
    if model.shape.embedding_length:
        return model.shape
    layers = max(1, model.layer_count)
    layer_bytes = model.size_bytes // layers
    width = max(64, math.isqrt(layer_bytes // _GUESSED_LAYER_BYTES))
    return ModelShape(
        embedding_length=width,
        vocabulary_size=min(_GUESSED_VOCABULARY, model.size_bytes // 256),
        head_count=max(1, width // 64),
        query_width=width,
        value_width=width // 4,
        feed_forward_length=4 * width,
        layer_bytes=(layer_bytes,) * layers,
        layer_kv_bytes=(-(-model.kv_bytes_per_token // layers),) * layers,
        layer_state_bytes=(0,) * layers,
        input_bytes=model.size_bytes - layer_bytes * layers,
    )


def memory_need(
    shape: ModelShape, choice: LoadChoice, gpu_layers: int = 0, free_bytes: Sequence[int] = ()
) -> MemoryNeed:
    """What the model takes with so many of its layers on accelerators that have `free_bytes` each."""
    homes = layer_homes(len(shape.layer_bytes), gpu_layers, free_bytes)
    host = _device_need(shape, choice, homes, -1)
    process = _PROCESS_BYTES + shape.vocabulary_size * _TOKEN_BYTES
    # Logits are copied to where they are sampled, whichever device computed them.
    outputs = _output_rows(shape, choice) * shape.vocabulary_size * _NUMBER_BYTES if not shape.encoder else 0
    return MemoryNeed(
        host=msgspec.structs.replace(
            host,
            weights_bytes=host.weights_bytes + shape.input_bytes,
            compute_bytes=host.compute_bytes + outputs,
            process_bytes=process,
        ),
        accelerators=tuple(_accelerator_need(shape, choice, homes, index) for index in range(len(free_bytes))),
    )


def part_shape(shape: ModelShape, start: int, stop: int) -> ModelShape:
    """Of layers [start, stop) alone, with neither end."""
    return msgspec.structs.replace(
        shape,
        vocabulary_size=0,
        layer_bytes=shape.layer_bytes[start:stop],
        layer_kv_bytes=shape.layer_kv_bytes[start:stop],
        layer_state_bytes=shape.layer_state_bytes[start:stop],
        input_bytes=0,
        output_bytes=0,
    )


def with_projector(need: MemoryNeed, projector: ProjectorFile | None) -> MemoryNeed:
    """The same with a model's projector. It is counted on the host: where it goes to an accelerator, so much more is free here."""
    if projector is None:
        return need
    host = msgspec.structs.replace(
        need.host,
        weights_bytes=need.host.weights_bytes + projector.weight_bytes,
        compute_bytes=need.host.compute_bytes + projector.step_bytes,
        process_bytes=need.host.process_bytes + _DECODER_BYTES,
    )
    return msgspec.structs.replace(need, host=host)


def most_gpu_layers(shape: ModelShape, choice: LoadChoice, free_bytes: Sequence[int]) -> int:
    """How many layers, the output counted as one, the accelerators hold; they are filled from the last layer on."""
    if sum(free_bytes) <= 0:
        return 0
    for layers in range(len(shape.layer_bytes) + 1, 0, -1):
        need = memory_need(shape, choice, layers, free_bytes)
        pairs = zip(need.accelerators, free_bytes, strict=True)
        if all(device.total_bytes <= free * _USABLE_SHARE for device, free in pairs):
            return layers
    return 0


def layer_homes(layer_count: int, gpu_layers: int, free_bytes: Sequence[int]) -> tuple[int, ...]:
    """The accelerator of each layer and, last, of the output; -1 is the host.

    llama.cpp gives the last layers away, to each device in proportion to its free memory (`llama_model::load_tensors`).
    """
    total = sum(free_bytes)
    if gpu_layers <= 0 or total <= 0:
        return (-1,) * (layer_count + 1)
    given = min(gpu_layers, layer_count + 1)
    first = layer_count + 1 - given
    shares = [part / total for part in accumulate(free_bytes)]
    last = len(shares) - 1
    return tuple(
        -1 if layer < first else min(last, bisect_right(shares, (layer - first) / given))
        for layer in range(layer_count + 1)
    )


def _device_need(shape: ModelShape, choice: LoadChoice, homes: Sequence[int], device: int) -> DeviceNeed:
    layers = [layer for layer, home in enumerate(homes[:-1]) if home == device]
    has_output = homes[-1] == device
    output_bytes = shape.output_bytes
    if shape.tied_output and device >= 0:
        # The token embeddings stay on the host; the output needs a copy of its own.
        output_bytes += shape.input_bytes
    cells = sum(shape.layer_kv_bytes[layer] for layer in layers) * choice.kv_tokens
    states = sum(shape.layer_state_bytes[layer] for layer in layers) * choice.sequences
    return DeviceNeed(
        weights_bytes=sum(shape.layer_bytes[layer] for layer in layers) + (output_bytes if has_output else 0),
        kv_bytes=cells + states,
        compute_bytes=_step_bytes(shape, choice, on_host=device < 0) if layers or has_output else 0,
    )


def _accelerator_need(shape: ModelShape, choice: LoadChoice, homes: Sequence[int], device: int) -> DeviceNeed:
    need = _device_need(shape, choice, homes, device)
    used = device in homes
    return msgspec.structs.replace(need, process_bytes=_ACCELERATOR_BYTES if used else 0)


def _rows(choice: LoadChoice) -> int:
    """Rows of the largest step; llama.cpp reserves as many for each sequence."""
    rows = min(choice.micro_batch_rows, choice.kv_tokens)
    return -(-rows // choice.sequences) * choice.sequences


def _output_rows(shape: ModelShape, choice: LoadChoice) -> int:
    """Rows whose logits are computed. Models for embeddings compute, and throw away, those of every row."""
    return _rows(choice) if shape.embeds else choice.sequences


def _step_bytes(shape: ModelShape, choice: LoadChoice, *, on_host: bool) -> int:
    """Compute buffers of the largest step: what is alive at its widest moment, and the masks, which are alive throughout."""
    rows = _rows(choice)
    keeps = any(shape.layer_kv_bytes)
    masked_cells = choice.kv_tokens if keeps else rows if shape.encoder else 0
    caches = 2 if shape.windowed else 1
    number_bytes = _MASK_BYTES if choice.fused_attention else _NUMBER_BYTES
    lasting = caches * rows * masked_cells * number_bytes
    logits = _output_rows(shape, choice) * shape.vocabulary_size * _NUMBER_BYTES if not shape.encoder else 0
    moments = [
        rows * _NUMBER_BYTES * _layer_width(shape) + 2 * choice.sequences * max(shape.layer_state_bytes, default=0),
        logits + 2 * rows * shape.embedding_length * _NUMBER_BYTES,
    ]
    scores = 0 if choice.fused_attention else rows * masked_cells * shape.head_count * _NUMBER_BYTES
    if scores:
        moments.append(scores + rows * _NUMBER_BYTES * (3 * shape.embedding_length + 2 * shape.query_width))
        # Values lie transposed then, so that each number of a row needs an index of 8 bytes.
        lasting += caches * rows * shape.value_width * 8 if keeps else 0
    # The processor rounds a multiplication's input to the weights' kind first: scores to 16 bits, others to little over 8.
    widest = max(shape.feed_forward_length, shape.expert_feed_forward_length * shape.experts_used, shape.query_width)
    scratch = max(scores // 2, rows * widest * 9 // 8) if on_host else 0
    return lasting + max(moments) + scratch


def _layer_width(shape: ModelShape) -> int:
    """Numbers alive for one row at the widest place of any layer, scores aside. Found by comparing with what llama.cpp reserves."""
    width = shape.embedding_length
    inside = shape.experts_used * shape.expert_feed_forward_length
    results = shape.experts_used * width
    return max(
        3 * shape.feed_forward_length + 4 * width,
        3 * inside + 4 * width,
        2 * results + inside + 3 * width,
        shape.recurrent_width + width,
    )
