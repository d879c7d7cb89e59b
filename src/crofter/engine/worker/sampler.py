"""How the next token is drawn: llama.cpp's samplers, chained in the order llama.cpp's own programs use, and grammars."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportArgumentType=false
# (the binding's ctypes functions are only partly typed, and some annotations name arrays where every pointer will do)

import ctypes
import json
import secrets
from collections.abc import Callable

import msgspec
import numpy as np
import numpy.typing as npt
from llama_cpp import llama_cpp as llama
from llama_cpp.llama_grammar import JSON_GBNF, json_schema_to_gbnf

from crofter.core import CrofterError, ErrorCode, Grammar, JsonSchema, Sampling, TokenLogprob

from .library import Context, Logits, Model, NativeHandle

DEFAULTS: dict[str, float | int] = {"temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05, "typical_p": 1.0}
"""llama.cpp's defaults, for what neither the request nor the model file says."""


class CompleteSampling(msgspec.Struct, frozen=True, kw_only=True):
    """`core.Sampling` with nothing left open."""

    temperature: float
    top_k: int
    top_p: float
    min_p: float
    typical_p: float
    repetition_penalty: float
    presence_penalty: float
    frequency_penalty: float
    penalty_window_tokens: int
    mirostat: int
    mirostat_tau: float
    mirostat_eta: float
    seed: int
    logit_bias: dict[int, float]


_METADATA_KEYS = {"temperature": "temp", "top_k": "top_k", "top_p": "top_p", "min_p": "min_p"}
_TOKEN_DATA = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
_STRING_CHARACTERS = ('[^"\\\\]', '[^"\\\\\\x7F\\x00-\\x1F]')
"""The binding's converter lets a string hold raw control characters, which JSON forbids (RFC 8259, section 7)."""
_MIROSTAT_CANDIDATES = 100


def recommended(model: Model) -> dict[str, float]:
    """Sampling values that the model file recommends (`general.sampling.*`)."""
    found: dict[str, float] = {}
    for field, key in _METADATA_KEYS.items():
        value = model.metadata(f"general.sampling.{key}")
        if value is not None:
            found[field] = float(value)
    return found


def complete(sampling: Sampling, recommendation: dict[str, float]) -> CompleteSampling:
    """The same sampling with every None filled in. Pure but for the seed, which is drawn if absent."""
    values: dict[str, object] = {field: getattr(sampling, field) for field in Sampling.__struct_fields__}
    for field, default in DEFAULTS.items():
        if values[field] is None:
            values[field] = type(default)(recommendation.get(field, default))
    values["seed"] = secrets.randbits(32) if sampling.seed is None else sampling.seed & 0xFFFFFFFF
    return msgspec.convert(values, CompleteSampling)


def grammar_text(constraint: Grammar | JsonSchema) -> str:
    """The GBNF of a constraint. Raises CrofterError(INVALID_REQUEST) for a schema that cannot be expressed."""
    if isinstance(constraint, Grammar):
        return constraint.gbnf
    if not constraint.schema:
        return JSON_GBNF
    try:
        return json_schema_to_gbnf(json.dumps(constraint.schema)).replace(*_STRING_CHARACTERS)
    except (
        Exception
    ) as error:  # The converter raises whatever it stumbles over: KeyError, AssertionError, RecursionError, ...
        raise CrofterError(
            ErrorCode.INVALID_REQUEST, f"the JSON schema is not supported: {error!r}", parameter="response_format"
        ) from error


class Sampler:
    """Draws the tokens of one answer; holds native memory until `close`."""

    def __init__(self, model: Model, sampling: CompleteSampling, gbnf: str | None, prompt: list[int]) -> None:
        """Raises CrofterError(INVALID_REQUEST) if the grammar is wrong."""
        self._grammar: NativeHandle = None
        self._vocabulary_size = model.vocabulary_size
        if gbnf is not None:
            self._grammar = llama.llama_sampler_init_grammar(model.vocabulary, gbnf.encode(), b"root")
            if not self._grammar:
                raise CrofterError(ErrorCode.INVALID_REQUEST, "the grammar is not valid GBNF", parameter="grammar")
        self._chain: NativeHandle = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
        for link in _links(sampling, model.vocabulary_size):
            llama.llama_sampler_chain_add(self._chain, link)
        if sampling.repetition_penalty != 1.0:
            for token in prompt[-sampling.penalty_window_tokens :]:
                llama.llama_sampler_accept(self._chain, token)

    def sample(self, context: Context, row: int, *, constrained: bool) -> int:
        """Draw a token from a row's logits and remember it. `constrained`: the grammar applies to this token."""
        if self._grammar is None or not constrained:
            return int(llama.llama_sampler_sample(self._chain, context.handle, row))
        # Drawing first and asking the grammar about one token is far cheaper than asking it about the whole vocabulary.
        token = self._draw(context.logits(row), constrain=False)
        if not self._allows(token):
            token = self._draw(context.logits(row), constrain=True)
        llama.llama_sampler_accept(self._grammar, token)
        llama.llama_sampler_accept(self._chain, token)
        return token

    def _draw(self, logits: Logits, *, constrain: bool) -> int:
        candidates = np.zeros(logits.size, _TOKEN_DATA)
        candidates["id"] = np.arange(logits.size, dtype=np.int32)
        candidates["logit"] = logits
        array = _candidate_array(candidates)
        if constrain:
            llama.llama_sampler_apply(self._grammar, array)
        llama.llama_sampler_apply(self._chain, array)
        return int(array.data[array.selected].id)

    def _allows(self, token: int) -> bool:
        candidate = np.zeros(1, _TOKEN_DATA)
        candidate["id"] = token
        candidate["logit"] = 1.0
        llama.llama_sampler_apply(self._grammar, _candidate_array(candidate))
        return bool(np.isfinite(candidate["logit"][0]))

    def close(self) -> None:
        """Free the native samplers. Idempotent."""
        for handle in (self._chain, self._grammar):
            if handle:
                llama.llama_sampler_free(handle)
        self._chain = self._grammar = None


def _candidate_array(candidates: npt.NDArray[np.void]) -> llama.llama_token_data_array:
    pointer = candidates.ctypes.data_as(ctypes.POINTER(llama.llama_token_data))
    return llama.llama_token_data_array(data=pointer, size=candidates.size, selected=-1, sorted=False)


def _links(sampling: CompleteSampling, vocabulary_size: int) -> list[NativeHandle]:
    """The chain for a complete sampling, ending with the sampler that selects."""
    links: list[NativeHandle] = []
    if sampling.logit_bias:
        biases = (llama.llama_logit_bias * len(sampling.logit_bias))(*sampling.logit_bias.items())
        links.append(llama.llama_sampler_init_logit_bias(vocabulary_size, len(biases), biases))
    if sampling.repetition_penalty != 1.0 or sampling.frequency_penalty != 0.0 or sampling.presence_penalty != 0.0:
        links.append(
            llama.llama_sampler_init_penalties(
                vocabulary_size,
                sampling.penalty_window_tokens,
                sampling.repetition_penalty,
                sampling.frequency_penalty,
                sampling.presence_penalty,
            )
        )
    if sampling.temperature <= 0.0:
        return [*links, llama.llama_sampler_init_greedy()]
    if sampling.mirostat:
        links.append(llama.llama_sampler_init_temp(sampling.temperature))
        tau, eta, seed = sampling.mirostat_tau, sampling.mirostat_eta, sampling.seed
        if sampling.mirostat == 1:
            return [*links, llama.llama_sampler_init_mirostat(vocabulary_size, seed, tau, eta, _MIROSTAT_CANDIDATES)]
        return [*links, llama.llama_sampler_init_mirostat_v2(seed, tau, eta)]
    if sampling.top_k > 0:
        links.append(llama.llama_sampler_init_top_k(sampling.top_k))
    if sampling.typical_p < 1.0:
        links.append(llama.llama_sampler_init_typical(sampling.typical_p, 1))
    if sampling.top_p < 1.0:
        links.append(llama.llama_sampler_init_top_p(sampling.top_p, 1))
    if sampling.min_p > 0.0:
        links.append(llama.llama_sampler_init_min_p(sampling.min_p, 1))
    return [*links, llama.llama_sampler_init_temp(sampling.temperature), llama.llama_sampler_init_dist(sampling.seed)]


def token_logprob(logits: Logits, token: int, alternatives: int, piece: Callable[[int], bytes]) -> TokenLogprob:
    """Natural-log probability of a token and of the most likely ones, from raw logits (log-softmax)."""
    shifted = logits - logits.max()
    normaliser = float(np.log(np.exp(shifted, dtype=np.float64).sum()))

    def entry(candidate: int, others: tuple[TokenLogprob, ...] = ()) -> TokenLogprob:
        return TokenLogprob(
            token_id=candidate,
            token=piece(candidate),
            logprob=float(shifted[candidate]) - normaliser,
            alternatives=others,
        )

    best: list[int] = []
    if alternatives:
        unordered = np.argpartition(-shifted, min(alternatives, shifted.size - 1))[:alternatives]
        best = unordered[np.argsort(-shifted[unordered])].tolist()
    return entry(token, tuple(map(entry, best)))
