"""How the next token is drawn: llama.cpp's samplers, chained in the order llama.cpp's own programs use, within a constraint."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportArgumentType=false
# (the binding's ctypes functions are only partly typed, and some annotations name arrays where every pointer will do)

import secrets
from collections.abc import Callable

import msgspec
import numpy as np
from llama_cpp import llama_cpp as llama

from crofter.core import Sampling, TokenLogprob

from .constraint import TOKEN_DATA, Constraint, candidate_array
from .context import Context, Logits
from .library import Model, NativeHandle

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
    favours_ending: bool
    mirostat: int
    mirostat_tau: float
    mirostat_eta: float
    seed: int
    logit_bias: dict[int, float]


_METADATA_KEYS = {"temperature": "temp", "top_k": "top_k", "top_p": "top_p", "min_p": "min_p"}
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


class Sampler:
    """Draws the tokens of one answer; holds native memory until `close`."""

    def __init__(
        self, model: Model, sampling: CompleteSampling, constraint: Constraint | None, prompt: list[int]
    ) -> None:
        """The constraint becomes this sampler's own."""
        self._constraint = constraint
        self._chain: NativeHandle = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
        for link in _links(sampling, model):
            llama.llama_sampler_chain_add(self._chain, link)
        if sampling.repetition_penalty != 1.0:
            for token in prompt[-sampling.penalty_window_tokens :]:
                if token >= 0:  # Rows of an image are no words that could be repeated.
                    llama.llama_sampler_accept(self._chain, token)

    def sample(self, context: Context, row: int, *, constrained: bool) -> int:
        """Draw a token from a row's logits and remember it. `constrained`: the constraint applies to this token.

        Raises CrofterError(INVALID_REQUEST) if the constraint became too complex to follow.
        """
        constraint = self._constraint
        if constraint is None or not constrained:
            return int(llama.llama_sampler_sample(self._chain, context.handle, row))
        # Drawing first and asking about one token is far cheaper for a grammar than asking about the whole vocabulary.
        token = self._draw(context.logits(row), None)
        if not constraint.allows(token):
            token = self._draw(context.logits(row), constraint)
        constraint.accept(token)
        llama.llama_sampler_accept(self._chain, token)
        return token

    def take(self, token: int) -> None:
        """Remember a token that was not drawn."""
        llama.llama_sampler_accept(self._chain, token)

    def _draw(self, logits: Logits, constraint: Constraint | None) -> int:
        candidates = np.zeros(logits.size, TOKEN_DATA)
        candidates["id"] = np.arange(logits.size, dtype=np.int32)
        candidates["logit"] = logits
        if constraint is not None:
            constraint.restrict(candidates)
        array = candidate_array(candidates)
        llama.llama_sampler_apply(self._chain, array)
        return int(array.data[array.selected].id)

    def close(self) -> None:
        """Free the native samplers. Idempotent."""
        if self._chain:
            llama.llama_sampler_free(self._chain)
        if self._constraint is not None:
            self._constraint.close()
        self._chain = self._constraint = None


def _links(sampling: CompleteSampling, model: Model) -> list[NativeHandle]:
    """The chain for a complete sampling, ending with the sampler that selects."""
    vocabulary_size = model.vocabulary_size
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
    if sampling.favours_ending:
        links.append(llama.llama_sampler_init_infill(model.vocabulary))
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
