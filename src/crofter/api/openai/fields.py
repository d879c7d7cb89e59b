"""From the fields that chat completions and completions share to our values. Pure, but for looking up adapters."""

from crofter.api.services import AdapterPath, Services
from crofter.core import (
    AdapterUse,
    CrofterError,
    ErrorCode,
    GenerationRequest,
    Grammar,
    JsonSchema,
    Prompt,
    Sampling,
    TextPrompt,
    TokenPrompt,
    new_request_id,
)

from .wire import GenerationFields, LoraUse

_SEED_VALUES = 2**32


def generation_request(
    services: Services,
    body: GenerationFields,
    prompt: Prompt,
    *,
    max_tokens: int | None,
    top_logprobs: int | None,
    echo: bool = False,
) -> GenerationRequest:
    """The request for one prompt. Raises INVALID_REQUEST or NOT_FOUND naming the field."""
    return GenerationRequest(
        request_id=new_request_id(),
        model=body.model or "",
        prompt=prompt,
        sampling=sampling(body),
        max_tokens=None if max_tokens == -1 else max_tokens,
        stop=stop_strings(body.stop),
        constraint=constraint(body),
        choices=body.n or 1,
        top_logprobs=top_logprobs,
        adapters=adapters(body.lora, services.adapter_path),
        echo=echo,
        timeout_seconds=services.settings.request_timeout_seconds,
    )


def sampling(body: GenerationFields) -> Sampling:
    """How to draw tokens; what a client leaves out or sets to null stays at our default."""
    given: dict[str, object] = {
        "temperature": body.temperature,
        "top_k": 0 if body.top_k == -1 else body.top_k,
        "top_p": body.top_p,
        "min_p": body.min_p,
        "typical_p": body.typical_p,
        "repetition_penalty": body.repeat_penalty if body.repetition_penalty is None else body.repetition_penalty,
        "presence_penalty": body.presence_penalty,
        "frequency_penalty": body.frequency_penalty,
        "penalty_window_tokens": body.repeat_last_n,
        "mirostat": body.mirostat,
        "mirostat_tau": body.mirostat_tau,
        "mirostat_eta": body.mirostat_eta,
        "seed": None if body.seed is None or body.seed == -1 else body.seed % _SEED_VALUES,
        "logit_bias": logit_bias(body.logit_bias or {}),
    }
    return Sampling(**{name: value for name, value in given.items() if value is not None})  # pyright: ignore[reportArgumentType] checked by wire.py


def logit_bias(given: dict[str, float]) -> dict[int, float]:
    """Token ids to bias. A bias of zero changes nothing, so its key need not be an id. Raises INVALID_REQUEST."""
    biases: dict[int, float] = {}
    for key, bias in given.items():
        if bias == 0:
            continue
        if not (key.isascii() and key.isdigit() and len(key) < 10):
            raise CrofterError(ErrorCode.INVALID_REQUEST, "logit_bias: keys are token ids", parameter="logit_bias")
        if not -100 <= bias <= 100:
            raise CrofterError(ErrorCode.INVALID_REQUEST, "logit_bias: values lie in -100..100", parameter="logit_bias")
        biases[int(key)] = bias
    return biases


def stop_strings(given: str | list[str] | None) -> tuple[str, ...]:
    """The stop strings; empty ones would stop everything and are left out."""
    strings = [given] if isinstance(given, str) else given or []
    return tuple(text for text in strings if text)


def constraint(body: GenerationFields) -> Grammar | JsonSchema | None:
    """The form the output must have. Raises INVALID_REQUEST if two are asked for."""
    wanted = body.response_format
    if wanted is None or wanted.type == "text":
        return Grammar(gbnf=body.grammar) if body.grammar else None
    if body.grammar:
        raise CrofterError(
            ErrorCode.INVALID_REQUEST, "grammar and response_format exclude each other", parameter="response_format"
        )
    if wanted.type == "json_object":
        return JsonSchema(schema=wanted.schema or {})
    if wanted.json_schema is None:
        raise CrofterError(
            ErrorCode.INVALID_REQUEST,
            "response_format.json_schema is missing",
            parameter="response_format.json_schema",
        )
    return JsonSchema(schema=wanted.json_schema.schema or {})


def adapters(given: list[LoraUse] | None, adapter_path: AdapterPath) -> tuple[AdapterUse, ...]:
    """The adapters to apply. Both fields hold a name: a client may not choose files. Raises INVALID_REQUEST, NOT_FOUND."""
    uses: list[AdapterUse] = []
    for use in given or []:
        name = use.name or use.path
        if not name:
            raise CrofterError(ErrorCode.INVALID_REQUEST, "lora: each entry needs a name", parameter="lora")
        uses.append(AdapterUse(path=str(adapter_path(name)), scale=use.scale))
    return tuple(uses)


def raw_prompts(given: str | list[str | int | list[int]], parameter: str) -> tuple[TextPrompt | TokenPrompt, ...]:
    """A text, a list of texts, token ids or lists of token ids, as prompts. Raises INVALID_REQUEST."""
    if isinstance(given, str):
        return (TextPrompt(text=given),)
    prompts: list[TextPrompt | TokenPrompt] = []
    loose_tokens: list[int] = []
    for item in given:
        if isinstance(item, str):
            prompts.append(TextPrompt(text=item))
        elif isinstance(item, int):
            loose_tokens.append(item)
        elif item:
            prompts.append(TokenPrompt(tokens=tuple(item)))
        else:
            raise CrofterError(
                ErrorCode.INVALID_REQUEST, f"{parameter}: a list of token ids is empty", parameter=parameter
            )
    if loose_tokens and not prompts and min(loose_tokens) >= 0 and max(loose_tokens) < 2**31:
        return (TokenPrompt(tokens=tuple(loose_tokens)),)
    if loose_tokens or not prompts:
        raise CrofterError(
            ErrorCode.INVALID_REQUEST,
            f"{parameter} must be a text, a list of texts, token ids or a list of lists of token ids, and not empty",
            parameter=parameter,
        )
    return tuple(prompts)


def completion_id(prefix: str) -> str:
    """A fresh id for a reply."""
    return f"{prefix}-{new_request_id()}"
