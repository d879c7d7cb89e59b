"""What travels through the node: one request in, a stream of chunks out.

Every dialect is translated into these once; nothing behind `api` knows who spoke. All values are frozen and hold no resources,
so they cross process boundaries as they are (msgpack).
"""

from pathlib import Path
from typing import Any, Literal

import msgspec

from .ids import ModelId, NodeId, RequestId
from .intent import Radius
from .shape import ModelShape

FinishReason = Literal["stop", "length", "tool_calls", "cancelled"]


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message of a conversation, as chat templates expect it."""

    role: str
    content: str | None = None
    name: str | None = None
    reasoning_content: str | None = None
    tool_calls: tuple[dict[str, Any], ...] | None = None
    tool_call_id: str | None = None


class ToolChoice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which of the tools may or must be called."""

    required: bool = False
    """At least one call, and nothing but calls."""
    name: str = ""
    """The one tool that must be called; empty: any."""
    parallel: bool = True
    """More than one call in an answer."""


class MediaPart(msgspec.Struct, frozen=True, kw_only=True):
    """An image or a sound in a prompt, as its file."""

    kind: Literal["image", "audio"]
    data: bytes
    """As it was sent: a PNG, JPEG, WebP, GIF or BMP; a WAV, for some providers an MP3. Empty while it is only named."""
    url: str = ""
    """Where it is to be fetched from. Empty when it is here, as it is in whatever a backend gets."""
    marker: str
    """Stands in the text where this belongs. Drawn by lot, so that no text has it by chance or on purpose."""
    place: str
    """The field it came in, for errors."""


class ChatPrompt(msgspec.Struct, frozen=True, kw_only=True, tag="chat"):
    """A conversation, rendered with the model's own chat template."""

    messages: tuple[Message, ...]
    tools: tuple[dict[str, Any], ...] = ()
    """As in OpenAI's API: `{"type": "function", "function": {"name", "description", "parameters", "strict"}}`."""
    tool_choice: ToolChoice = ToolChoice()
    template_arguments: dict[str, Any] = {}
    """Extra variables for the template, for example `enable_thinking`."""
    media: tuple[MediaPart, ...] = ()
    """What the markers in the messages stand for."""


class TextPrompt(msgspec.Struct, frozen=True, kw_only=True, tag="text"):
    """Raw text; special tokens in it are recognised (editors write fill-in-the-middle tokens themselves)."""

    text: str
    add_special: bool = True
    """Whether the model's own tokens go to its ends."""
    parse_special: bool = True


class TokenPrompt(msgspec.Struct, frozen=True, kw_only=True, tag="tokens"):
    """Token ids of this model, used as they are."""

    tokens: tuple[int, ...]


class ContextFile(msgspec.Struct, frozen=True, kw_only=True):
    """Text of another file, or of another place of the same one."""

    name: str
    text: str


class InfillPrompt(msgspec.Struct, frozen=True, kw_only=True, tag="infill"):
    """Text before and after a gap; the model's own fill-in-the-middle tokens are applied."""

    prefix: str
    suffix: str
    context: tuple[ContextFile, ...] = ()
    """What else may help, the most useful last."""


Prompt = ChatPrompt | TextPrompt | TokenPrompt | InfillPrompt


class Sampling(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the next token is drawn. None means: the model's own recommendation, else the default named in `engine/sampling.py`."""

    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    typical_p: float | None = None
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    penalty_window_tokens: int = 64
    favours_ending: bool = False
    """Tokens that begin alike count together, and ending for more: for gaps in texts (llama.cpp's `infill` sampler)."""
    mirostat: Literal[0, 1, 2] = 0
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    seed: int | None = None
    logit_bias: dict[int, float] = {}


class Grammar(msgspec.Struct, frozen=True, kw_only=True, tag="grammar"):
    """Output must match this GBNF grammar (llama.cpp `grammars/README.md`), whose root rule is `root`."""

    gbnf: str


class JsonSchema(msgspec.Struct, frozen=True, kw_only=True, tag="json_schema"):
    """Output must be JSON that this JSON Schema accepts; an empty schema means any JSON object."""

    schema: dict[str, Any]


class AdapterUse(msgspec.Struct, frozen=True, kw_only=True):
    """A LoRA adapter (GGUF) applied to one request."""

    path: str
    scale: float = 1.0


class GenerationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that determines an answer, whoever asked for it."""

    request_id: RequestId
    model: str
    """A name, alias or id; empty for the node's default model."""
    prompt: Prompt
    sampling: Sampling = Sampling()
    max_tokens: int | None = None
    """None: as many as the context holds."""
    shortens_to_fit: bool = False
    """A `max_tokens` beyond the room left in the context is cut to it instead of refused, and so is text around a gap."""
    thinking_tokens: int | None = None
    """Most tokens of thinking before an answer has to begin; None: as the model and the wanted `reasoning_effort` have it."""
    stop: tuple[str, ...] = ()
    constraint: Grammar | JsonSchema | None = None
    choices: int = 1
    """How many independent answers (OpenAI's `n`); they share one prefill."""
    top_logprobs: int | None = None
    """None: no logprobs; 0: of the chosen token only; k: also of the k most likely."""
    adapters: tuple[AdapterUse, ...] = ()
    echo: bool = False
    """Begin the answer with the prompt's text."""
    timeout_seconds: float | None = None
    for_others: bool = False
    """Asked by another node: it waits behind, and makes room for, whatever the owner of this one asks."""
    only_nodes: tuple[NodeId, ...] | None = None
    """The only other nodes that may compute a part of it; None: those that this one trusts."""
    keep_loaded_seconds: float | None = None
    """How long the model stays in memory afterwards; negative: until it is told to go; None: as the engine's settings say."""


class TokenLogprob(msgspec.Struct, frozen=True, kw_only=True):
    """Natural-log probability of a token before any sampling transformation."""

    token_id: int
    token: bytes
    logprob: float
    alternatives: tuple["TokenLogprob", ...] = ()


class ToolCallDelta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a call of a tool grows. The first of a call carries the name; `arguments` together are the text of one JSON object."""

    index: int
    name: str = ""
    arguments: str = ""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Token counts of a whole request (all choices)."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0


class Timings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the time of a request went, as the engine saw it."""

    queue_seconds: float
    prefill_seconds: float
    first_token_seconds: float
    """From arrival at the engine to the first sampled token."""
    decode_seconds: float
    media_seconds: float = 0.0
    """Of the queue's time, what went into reading images and sounds; 0 where all were known already."""
    media_read: int = 0
    """How many images and sounds were not known yet."""


class Chunk(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A piece of one choice. Text is whole UTF-8 and never part of a stop string.

    The last chunk of a choice carries `finish_reason`; the last chunk of the request also carries `usage` and `timings`.
    """

    choice: int = 0
    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCallDelta, ...] = ()
    token_ids: tuple[int, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    finish_reason: FinishReason | None = None
    stop_string: str | None = None
    """The stop string that ended this choice, if one did."""
    prompt_usage: Usage | None = None
    """On the first chunk of a request: what is known before the first token, `completion_tokens` being 0."""
    usage: Usage | None = None
    timings: Timings | None = None


class EmbeddingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Texts or token lists to turn into vectors."""

    request_id: RequestId
    model: str
    inputs: tuple[TextPrompt | TokenPrompt, ...]
    keep_loaded_seconds: float | None = None
    """As of a GenerationRequest."""


class EmbeddingResult(msgspec.Struct, frozen=True, kw_only=True):
    """One unit-length vector an input, in order, as little-endian float32 bytes."""

    vectors: tuple[bytes, ...]
    prompt_tokens: int


class ProjectorFile(msgspec.Struct, frozen=True, kw_only=True):
    """A GGUF (mmproj) that turns images or sounds into rows of a model's input."""

    path: Path
    weight_bytes: int
    step_bytes: int
    """What its largest step takes beside its weights, about."""
    mutual_rows: int = 0
    """The most rows of an image that see each other, so that the model has to compute them in one step; 0: none do."""


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a model wherever it runs."""

    model_id: ModelId
    """Empty for a model of somebody else's, who does not say which weights it has."""
    name: str
    context_length: int
    """0: not known."""
    capabilities: tuple[str, ...] = ()
    """What it may be asked for; empty: not known, so whoever runs it says."""


class ModelFile(Model, frozen=True, kw_only=True):
    """What an engine needs to know to load a model: no catalogue, just the file and what to call it."""

    path: Path
    size_bytes: int
    architecture: str
    layer_count: int
    kv_bytes_per_token: int
    """Key and value bytes one token takes over all layers, at 16 bits an element."""
    shape: ModelShape = ModelShape()
    projector: ProjectorFile | None = None
    """What turns images or sounds into its input, if it takes any."""
    pinned: bool = False
    """Kept loaded once it is: neither idleness nor other models unload it."""
    context_tokens: int = 0
    """How long a context its owner wants; 0: as the engine's settings say."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a model runs, and what that shows to whom."""

    backend: str
    """How provenance calls it."""
    radius: Radius = "local"
    """How far what is made of the prompt travels this way."""
    ran_on: tuple[str, ...] = ("this node",)
    readable_by: tuple[str, ...] = ("this node",)
    inferable_by: tuple[str, ...] = ()
    """Who gets numbers made of the text (hidden states), from which most of it can be inferred by whoever makes the effort."""


class Way(Place, frozen=True, kw_only=True):
    """One way to run a model, as a backend offers it: what the router chooses between."""

    readers: Radius | None = None
    """How far the text itself travels; None: as far as `radius` says."""
    obstacle: str = ""
    """Why it cannot be gone now, if it cannot: another way is better, however far."""
    model: Model | None = None
    """What to hand the backend instead of the model that was asked for, where that alone does not say which way was chosen."""


class Provenance(Place, frozen=True, kw_only=True):
    """Where an answer came from and who could read the prompt."""

    model_id: ModelId
    """Empty: whoever ran it does not say which weights it has."""
    model_name: str
    reason: str = ""
    """Why this way and not another."""
