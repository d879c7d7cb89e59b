"""What a server of others cannot be asked for: refused by name before anything is sent. Pure."""

from collections.abc import Iterator

from crofter.core import (
    ChatPrompt,
    CrofterError,
    EmbeddingRequest,
    ErrorCode,
    GenerationRequest,
    Grammar,
    InfillPrompt,
    JsonSchema,
    Prompt,
    TextPrompt,
    TokenPrompt,
    media_type_of,
    shown_size,
)

from .anthropic import LEAST_BUDGET_TOKENS
from .catalogue import Kind
from .values import Provider

_OWN_ARGUMENTS = frozenset({"enable_thinking", "reasoning_effort"})
"""Arguments of templates that have a field of their own in the API."""
MOST_FILE_BYTES = 20_000_000
"""Of an image or a sound; services take less, and say so themselves."""


def require_possible(provider: Provider, request: GenerationRequest) -> None:
    """Raises UNSUPPORTED, naming the field, for what this provider does not do; REQUEST_TOO_LARGE for a file that is too large."""
    _require_small(provider, request.prompt)
    for wanted, what, parameter in (*_of_prompt(provider.kind, request), *_of_fields(provider.kind, request)):
        if wanted:
            raise _unsupported(provider, what, parameter)


def require_embeddable(provider: Provider, request: EmbeddingRequest) -> None:
    """The same for embeddings."""
    if provider.kind.wire == "anthropic":
        raise _unsupported(provider, "embeddings", "model")
    if any(isinstance(each, TokenPrompt) for each in request.inputs):
        raise _unsupported(provider, "prompts of token ids", "input")


def no_ranking(provider: Provider) -> CrofterError:
    """What rerankers speak differs too much to guess."""
    return _unsupported(provider, "ranking texts", "model")


def no_tokens(provider: Provider) -> CrofterError:
    """Its tokenizer is not here."""
    return _unsupported(provider, "counting tokens without answering", "model")


def _of_prompt(kind: Kind, request: GenerationRequest) -> Iterator[tuple[bool, str, str]]:
    prompt = request.prompt
    yield isinstance(prompt, TokenPrompt), "prompts of token ids", "prompt"
    yield isinstance(prompt, TextPrompt) and not kind.completes, "text to continue; use chat completions", "prompt"
    yield isinstance(prompt, InfillPrompt) and not kind.fills_gaps, "filling gaps (a suffix)", "suffix"
    yield isinstance(prompt, InfillPrompt) and bool(prompt.context), "other files beside a gap", "input_extra"
    yield request.echo, "echo", "echo"
    if isinstance(prompt, ChatPrompt):
        further = prompt.template_arguments.keys() - _OWN_ARGUMENTS
        yield bool(further) and not kind.takes_template_arguments, "chat_template_kwargs", "chat_template_kwargs"
        unsaid = kind.wire == "openai" and not (kind.takes_template_arguments or kind.takes_effort)
        yield unsaid and "reasoning_effort" in prompt.template_arguments, "an effort of thinking", "reasoning_effort"
        yield from _of_media(kind, prompt)
    elif request.top_logprobs is not None:
        yield True, "logprobs of completions; use chat completions", "logprobs"


def _of_media(kind: Kind, prompt: ChatPrompt) -> Iterator[tuple[bool, str, str]]:
    told = "".join(message.content or "" for message in prompt.messages if message.role == "system")
    for part in prompt.media:
        media_type = media_type_of(part.data) or ""
        known = "images but PNG, JPEG, WebP, GIF and BMP" if part.kind == "image" else "sounds but WAV and MP3"
        yield not media_type.startswith(part.kind), known, part.place
        if kind.wire == "anthropic":
            yield part.kind == "audio", "sounds", part.place
            yield part.marker in told, "images in what the system says", part.place


def _require_small(provider: Provider, prompt: Prompt) -> None:
    for part in prompt.media if isinstance(prompt, ChatPrompt) else ():
        if len(part.data) > MOST_FILE_BYTES:
            message = f"{part.place} is larger than the {shown_size(MOST_FILE_BYTES)} that {provider.name} is sent"
            raise CrofterError(ErrorCode.REQUEST_TOO_LARGE, message, parameter=part.place)


def _of_fields(kind: Kind, request: GenerationRequest) -> Iterator[tuple[bool, str, str]]:
    sampling = request.sampling
    yield isinstance(request.constraint, Grammar), "grammars", "grammar"
    has_schema = isinstance(request.constraint, JsonSchema) and bool(request.constraint.schema)
    yield has_schema and not kind.keeps_schemas, "JSON by a schema, only JSON", "response_format"
    yield bool(request.adapters), "adapters of this node", "lora"
    yield bool(sampling.logit_bias), "a bias of token ids", "logit_bias"
    yield sampling.mirostat != 0, "mirostat", "mirostat"
    yield sampling.seed is not None and not kind.seed_field, "seeds", "seed"
    given = {
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "typical_p": sampling.typical_p,
        "repetition_penalty": None if sampling.repetition_penalty == 1 else sampling.repetition_penalty,
    }
    for name, value in given.items():
        yield value is not None and name not in kind.sampling, name, name
    if kind.wire == "anthropic":
        few = 0 < (request.thinking_tokens or 0) < LEAST_BUDGET_TOKENS
        yield few, f"thinking within fewer than {LEAST_BUDGET_TOKENS} tokens", "thinking_budget"
        yield request.choices > 1, "several choices", "n"
        yield request.top_logprobs is not None, "logprobs", "logprobs"
        yield sampling.presence_penalty != 0, "presence_penalty", "presence_penalty"
        yield sampling.frequency_penalty != 0, "frequency_penalty", "frequency_penalty"
        yield isinstance(request.constraint, JsonSchema) and not has_schema, "JSON without a schema", "response_format"


def _unsupported(provider: Provider, what: str, parameter: str) -> CrofterError:
    message = f"{provider.name} ({provider.kind.title}) does not do this: {what}"
    return CrofterError(ErrorCode.UNSUPPORTED, message, parameter=parameter)
