"""`POST /infill`, as llama.vim and llama.vscode know it from llama-server."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from time import perf_counter
from typing import Any

import msgspec

from crofter.api.asgi import App
from crofter.api.call import Call
from crofter.api.openai.fields import generation_request
from crofter.api.provenance import provenance_headers
from crofter.api.replies import SSE, JsonReply, StreamReply, until_disconnect
from crofter.api.services import Services
from crofter.core import Chunk, ContextFile, GenerationRequest, InfillPrompt, Sampling, Timings, Usage

from .lines import LineLimits
from .wire import InfillBody

_NEUTRAL: dict[str, tuple[str, float | int]] = {
    "top_k": ("top_k", 0),
    "top_p": ("top_p", 1.0),
    "min_p": ("min_p", 0.0),
    "typ_p": ("typical_p", 1.0),
    "temperature": ("temperature", 1.0),
}
"""By the name of a sampler: our field, and what it is for a request that lists its samplers and leaves this one out."""


class Infill:
    """The route."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def create(self, call: Call) -> App:
        """The text for a gap, in one piece or as a stream."""
        services = self._services
        body = await call.body(InfillBody)
        turn, chunks = await services.inference.open(infill_request(services, body), call.asker)
        seat = services.editors.seat(call, turn)
        headers = provenance_headers(turn.provenance)
        filling = Filling(body, turn.provenance.model_name, chunks if seat is None else seat.follow(chunks))
        if not body.stream:
            reply = await until_disconnect(call.receive, filling.whole)
            if seat is not None and seat.superseded and reply.get("content"):
                reply["content"] = ""
            return JsonReply(reply, headers=headers)
        return StreamReply(
            SSE,
            [filling.events()],
            headers=headers,
            keep_alive_seconds=services.settings.keep_alive_seconds,
            timeout_seconds=services.settings.request_timeout_seconds,
        )


def infill_request(services: Services, body: InfillBody) -> GenerationRequest:
    """What a gap asks for. Without tokens to predict, the prompt is only read, so that the next one finds it in the cache."""
    body.n = 1
    # These clients name adapters by the number that llama-server gave them when it started.
    body.lora = [use for use in body.lora or () if use.name or use.path]
    prompt = InfillPrompt(
        prefix=body.input_prefix + body.prompt,
        suffix=body.input_suffix,
        context=tuple(ContextFile(name=extra.filename, text=extra.text) for extra in body.input_extra or ()),
    )
    limit = body.max_tokens if body.n_predict is None else body.n_predict
    request = generation_request(services, body, prompt, max_tokens=1 if limit == 0 else limit, top_logprobs=None)
    return msgspec.structs.replace(request, sampling=_as_listed(request.sampling, body.samplers), shortens_to_fit=True)


def _as_listed(sampling: Sampling, samplers: list[str] | str | None) -> Sampling:
    if not isinstance(samplers, list) or not samplers:
        return sampling
    left_out = dict(neutral for name, neutral in _NEUTRAL.items() if name not in samplers)
    return msgspec.structs.replace(sampling, **left_out, favours_ending="infill" in samplers)


class Filling:
    """One turn while it grows."""

    def __init__(self, body: InfillBody, model_name: str, chunks: AsyncGenerator[Chunk]) -> None:
        self._body = body
        self._model_name = model_name
        self._chunks = chunks
        self._limits = LineLimits(body.n_indent or 0, max(0.0, body.t_max_predict_ms or 0.0) / 1000)
        self._reads_only = 0 in (body.n_predict, body.max_tokens)
        self._started = perf_counter()
        self._written_from: float | None = None
        self._prompt = Usage(prompt_tokens=0, completion_tokens=0)
        self._tokens = 0
        self._last = Chunk()

    async def whole(self) -> dict[str, Any]:
        """The reply in one piece."""
        return self._end("".join([piece async for piece in self._pieces()]))

    async def events(self) -> AsyncGenerator[bytes]:
        """The same as server-sent events; the last one tells how it went."""
        async with aclosing(self._pieces()) as pieces:
            async for piece in pieces:
                yield _event({"content": piece, "stop": False, "tokens_predicted": self._tokens})
        yield _event(self._end(""))

    async def _pieces(self) -> AsyncGenerator[str]:
        """The text as it comes; where a limit ends it, the engine is told that nothing more is wanted."""
        async with aclosing(self._chunks) as chunks:
            async for chunk in chunks:
                shown = self._take(chunk)
                if shown and not self._reads_only:
                    yield shown
                if self._limits.ended:
                    return
        if (rest := self._limits.finish()) and not self._reads_only:
            yield rest

    def _take(self, chunk: Chunk) -> str:
        now = perf_counter()
        self._written_from = now if self._written_from is None else self._written_from
        self._prompt = chunk.prompt_usage or self._prompt
        self._tokens += 0 if self._reads_only else len(chunk.token_ids)
        self._last = chunk
        return self._limits.push(chunk.reasoning + chunk.text, now - self._written_from)

    def _end(self, content: str) -> dict[str, Any]:
        usage = self._last.usage or self._prompt
        reason = self._last.finish_reason
        limit = self._body.n_predict if self._body.n_predict is not None else self._body.max_tokens
        whole: dict[str, Any] = {
            "index": 0,
            "content": content,
            "id_slot": -1,
            "stop": True,
            "model": self._model_name,
            "tokens_predicted": self._tokens,
            "tokens_evaluated": usage.prompt_tokens,
            "tokens_cached": usage.prompt_tokens + self._tokens,
            "truncated": reason == "length" and not self._reads_only and (limit is None or self._tokens < limit),
            "stop_type": "word" if self._last.stop_string else "eos" if reason == "stop" else "limit",
            "stopping_word": self._last.stop_string or "",
            "timings": (timings := self._timings(usage)),
        }
        wanted = self._body.response_fields
        if not wanted:
            return whole
        whole |= {f"timings/{name}": value for name, value in timings.items()}
        return {path: whole[path] for path in wanted if path in whole}

    def _timings(self, usage: Usage) -> dict[str, float]:
        timings = self._last.timings
        if timings is None:
            # Ended before the engine would have told: what could be seen from here.
            now = perf_counter()
            written_from = now if self._written_from is None else self._written_from
            timings = Timings(
                queue_seconds=0.0,
                prefill_seconds=written_from - self._started,
                first_token_seconds=written_from - self._started,
                decode_seconds=now - written_from,
            )
        read = usage.prompt_tokens - usage.cached_tokens
        return {
            "cache_n": usage.cached_tokens,
            **_pace("prompt", read, timings.prefill_seconds),
            **_pace("predicted", self._tokens, timings.decode_seconds),
        }


def _pace(name: str, tokens: int, seconds: float) -> dict[str, float]:
    return {
        f"{name}_n": tokens,
        f"{name}_ms": round(1000 * seconds, 3),
        f"{name}_per_token_ms": round(1000 * seconds / tokens, 3) if tokens else 0.0,
        f"{name}_per_second": round(tokens / seconds, 3) if seconds > 0 else 0.0,
    }


def _event(fields: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(fields) + b"\n\n"
