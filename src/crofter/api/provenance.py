"""Where an answer came from, who could read it and how long it took: in the headers and the `crofter` object of every dialect."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from urllib.parse import quote

import msgspec

from crofter.core import Chunk, Provenance


class TimingsReply(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds as the engine saw them; `tokens_per_second` counts what came after the first token of each choice."""

    ttft_ms: float
    tokens_per_second: float
    queue_ms: float
    prefill_ms: float
    media_ms: float
    """Of the time in the queue, what went into reading images and sounds; 0 where all were known already."""


class IgnoredTool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool of the request that the model was not told of."""

    type: str
    name: str
    reason: str


class Extension(msgspec.Struct, frozen=True, kw_only=True):
    """The `crofter` object of a reply: where it ran, who could read it, how long it took."""

    provenance: Provenance
    timings: TimingsReply | msgspec.UnsetType = msgspec.UNSET
    ignored_tools: tuple[IgnoredTool, ...] | msgspec.UnsetType = msgspec.UNSET


def extension(provenance: Provenance, ends: Sequence[Chunk] = (), choices: int = 1) -> Extension:
    """`ends`: the last chunk of each turn, which has its usage and timings; without any there is nothing to say about time."""
    timings = [end.timings for end in ends if end.timings is not None]
    if not timings:
        return Extension(provenance=provenance)
    later_tokens = max(0, sum(end.usage.completion_tokens for end in ends if end.usage is not None) - choices)
    decode_seconds = max(each.decode_seconds for each in timings)
    return Extension(
        provenance=provenance,
        timings=TimingsReply(
            ttft_ms=_milliseconds(min(each.first_token_seconds for each in timings)),
            tokens_per_second=round(later_tokens / decode_seconds, 3) if decode_seconds > 0 else 0.0,
            queue_ms=_milliseconds(max(each.queue_seconds for each in timings)),
            prefill_ms=_milliseconds(max(each.prefill_seconds for each in timings)),
            media_ms=_milliseconds(max(each.media_seconds for each in timings)),
        ),
    )


_HEADERS = ("backend", "model", "model-id", "radius", "ran-on", "readable-by", "inferable-by")


@lru_cache(maxsize=64)
def provenance_headers(provenance: Provenance) -> Sequence[tuple[bytes, bytes]]:
    """The same for who reads no body, or reads it as a stream; what a header cannot hold is percent-encoded.

    Made once for each way that is in use, as encoding takes longer than all else that is done with it.
    """
    told = (
        [provenance.backend],
        [provenance.model_name],
        [provenance.model_id],
        [provenance.radius],
        provenance.ran_on,
        provenance.readable_by,
        provenance.inferable_by,
    )
    return tuple((f"x-crofter-{name}".encode(), _listed(values)) for name, values in zip(_HEADERS, told, strict=True))


def _listed(values: Iterable[str]) -> bytes:
    return ", ".join(quote(value, safe=" :/@+") for value in values).encode()


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
