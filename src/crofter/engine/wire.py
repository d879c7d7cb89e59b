"""Messages between the node and a worker: length-prefixed msgpack over the child's standard input and output.

Both ends are this program, yet sizes are bounded: a damaged worker must not exhaust the node.
"""

from typing import Literal

import msgspec

from crofter.core import (
    Chunk,
    ErrorReport,
    GenerationRequest,
    ModelShape,
    Prompt,
    TextPrompt,
    TokenPrompt,
)

from .messages import (
    Compute,
    Computed,
    Done,
    Export,
    Exported,
    Forget,
    Forward,
    Missing,
    Release,
    Returned,
    SlicePlan,
    TakeIn,
)

LENGTH_BYTES = 4
MAXIMUM_FRAME_BYTES = 256 * 1024 * 1024


class LoadPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a worker needs to know to load a model; made by `plan.plan_load`."""

    path: str
    context_tokens: int
    """Tokens one sequence may hold."""
    kv_tokens: int
    """Tokens all running sequences may hold together."""
    prefix_cache_bytes: int
    sequences: int
    queue_limit: int
    micro_batch_rows: int
    rows_while_writing: int
    threads: int
    batch_threads: int
    gpu_layers: int
    """-1: the worker decides, when it sees the GPU's free memory."""
    shape: ModelShape
    flash_attention: Literal["auto", "on", "off"]
    repack: bool
    """Rewrite weights at load into the layout this CPU multiplies fastest (llama.cpp `use_extra_bufts`)."""
    gives_way: bool = False
    """Whether everything else on the machine is computed first."""
    ranks: bool = False
    """Whether it is known to rank texts; a model file may also say so itself."""
    estimated_bytes: int
    """What `fit` says it takes of the host's memory."""
    accelerator_bytes: tuple[int, ...] = ()
    """What it says of each accelerator's."""
    projector: str = ""
    """The path of what turns images or sounds into the model's input; empty: it takes none."""
    mutual_rows: int = 0
    """The most rows of an image that have to be computed in one step."""
    media_cache_bytes: int = 0
    """Memory for what images and sounds have become."""
    slice: SlicePlan | None = None
    """Set where the file is a slice of a model."""


# Node to worker.


class Generate(msgspec.Struct, frozen=True, kw_only=True, tag="generate"):
    call: int
    request: GenerationRequest


class Embed(msgspec.Struct, frozen=True, kw_only=True, tag="embed"):
    call: int
    inputs: tuple[TextPrompt | TokenPrompt, ...]


class Rerank(msgspec.Struct, frozen=True, kw_only=True, tag="rerank"):
    call: int
    query: str
    documents: tuple[str, ...]


class Tokenize(msgspec.Struct, frozen=True, kw_only=True, tag="tokenize"):
    call: int
    prompt: Prompt
    with_pieces: bool = False


class Cancel(msgspec.Struct, frozen=True, kw_only=True, tag="cancel"):
    call: int


class Measure(msgspec.Struct, frozen=True, kw_only=True, tag="measure"):
    """Time reading and writing of this many tokens on the empty, idle model (the tuner)."""

    call: int
    prompt_tokens: int
    answer_tokens: int


ToWorker = Generate | Embed | Rerank | Tokenize | Cancel | Measure | Returned | Compute | Forget | Export | TakeIn

# Worker to node.


class Loaded(msgspec.Struct, frozen=True, kw_only=True, tag="loaded"):
    """The model is ready."""

    context_tokens: int
    kv_tokens: int
    vocabulary_size: int
    gpu_layers: int
    threads: int
    load_seconds: float


class Accepted(msgspec.Struct, frozen=True, kw_only=True, tag="accepted"):
    """The request is understood and in line: its template and tokeniser have run."""

    call: int


class Chunks(msgspec.Struct, frozen=True, kw_only=True, tag="chunks"):
    """All that one step produced: (call, chunk) pairs, in order."""

    chunks: tuple[tuple[int, Chunk], ...]


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """The call is over; call 0 is the load itself."""

    call: int
    error: ErrorReport


class Embedded(msgspec.Struct, frozen=True, kw_only=True, tag="embedded"):
    call: int
    vectors: tuple[bytes, ...]
    prompt_tokens: int


class Reranked(msgspec.Struct, frozen=True, kw_only=True, tag="reranked"):
    call: int
    scores: tuple[float, ...]
    cut: tuple[int, ...]
    prompt_tokens: int


class Tokenized(msgspec.Struct, frozen=True, kw_only=True, tag="tokenized"):
    call: int
    tokens: tuple[int, ...]
    pieces: tuple[bytes, ...] = ()
    """How each is written, if that was asked for."""


class Measured(msgspec.Struct, frozen=True, kw_only=True, tag="measured"):
    call: int
    prefill_tokens_per_second: float
    decode_tokens_per_second: float


class Occupancy(msgspec.Struct, frozen=True, kw_only=True, tag="occupancy"):
    """Sent when it changed, at most a few times a second; also the sign that the worker is alive."""

    active_requests: int
    queued_requests: int
    kv_tokens_used: int
    cached_prefixes: int
    cached_prefix_bytes: int


FromWorker = (
    Loaded
    | Accepted
    | Chunks
    | Failed
    | Embedded
    | Reranked
    | Tokenized
    | Measured
    | Occupancy
    | Forward
    | Release
    | Computed
    | Missing
    | Exported
    | Done
)

to_worker_decoder: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
from_worker_decoder: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)
plan_decoder: msgspec.msgpack.Decoder[LoadPlan] = msgspec.msgpack.Decoder(LoadPlan)
_encoder = msgspec.msgpack.Encoder(enc_hook=str)


def frame(message: ToWorker | FromWorker | LoadPlan) -> bytearray:
    """The message with its length in front (big-endian). Raises ValueError if it is larger than a frame may be."""
    data = bytearray(LENGTH_BYTES)
    _encoder.encode_into(message, data, LENGTH_BYTES)
    size = len(data) - LENGTH_BYTES
    if size > MAXIMUM_FRAME_BYTES:
        raise ValueError(f"message of {size} bytes is larger than a frame may be")
    data[:LENGTH_BYTES] = size.to_bytes(LENGTH_BYTES, "big")
    return data
