"""The node's HTTP side before a backend that plays the same chunks to everybody, and a bare Starlette app that sends the same bytes."""

from collections.abc import AsyncGenerator, Sequence
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from crofter.api import Administration, ApiSettings, create_app
from crofter.api.asgi import App
from crofter.core import (
    Chunk,
    EmbeddingRequest,
    EmbeddingResult,
    GenerationRequest,
    Model,
    ModelFile,
    ModelId,
    Prompt,
    RerankRequest,
    RerankResult,
    Timings,
    Usage,
    Way,
)
from crofter.node.keys import new_secret, same_secret
from crofter.router import Router

MODEL = ModelFile(
    model_id=ModelId("ab" * 32),
    name="bench",
    path=Path("/nowhere"),
    size_bytes=0,
    architecture="llama",
    layer_count=1,
    context_length=32_768,
    kv_bytes_per_token=0,
)
PIECE = " token"
_TIMINGS = Timings(queue_seconds=0, prefill_seconds=0, first_token_seconds=0, decode_seconds=1)


class Scripted:
    """Notes when it is asked and when it hands out each chunk; `gap_seconds` apart, 0: as fast as they are taken."""

    def __init__(self, chunks: int, gap_seconds: float = 0.0) -> None:
        self.asked_at: list[float] = []
        self.handed_at: list[float] = []
        self._chunks = chunks
        self._gap_seconds = gap_seconds

    def ways(self, model: Model) -> Sequence[Way]:  # noqa: ARG002 - the port's
        return (Way(backend="scripted"),)

    async def generate(self, model: Model, request: GenerationRequest) -> AsyncGenerator[Chunk]:  # noqa: ARG002 - the port's
        self.asked_at.append(perf_counter())
        for _ in range(self._chunks):
            if self._gap_seconds:
                await anyio.sleep(self._gap_seconds)
            self.handed_at.append(perf_counter())
            yield Chunk(text=PIECE, token_ids=(1,))
        usage = Usage(prompt_tokens=5, completion_tokens=self._chunks)
        yield Chunk(finish_reason="stop", usage=usage, timings=_TIMINGS)

    async def embed(self, model: Model, request: EmbeddingRequest) -> EmbeddingResult:
        raise NotImplementedError

    async def rerank(self, model: Model, request: RerankRequest) -> RerankResult:
        raise NotImplementedError

    async def tokenize(self, model: Model, prompt: Prompt) -> Sequence[int]:
        raise NotImplementedError

    async def pieces(self, model: Model, prompt: Prompt) -> Sequence[tuple[int, bytes]]:
        raise NotImplementedError


class _Resolver:
    def resolve(self, name: str) -> ModelFile:  # noqa: ARG002 - it knows one
        return MODEL


class _NoKeys:
    """All that inference asks of an administration."""

    providers = None
    _token = new_secret()

    def administrator_token_is_valid(self, token: str) -> bool:
        return same_secret(token, self._token)

    def account(self, secret: str) -> None:
        """There is none; looking for one takes a hash."""
        sha256(secret.encode()).digest()

    def keys_exist(self) -> bool:
        return False


def node_app(backend: Scripted, settings: ApiSettings) -> App:
    """What the node serves."""
    return create_app(Router(_Resolver(), [backend]), cast("Administration", _NoKeys()), settings)


def bare_app(script: Scripted, path: str, event: bytes) -> App:
    """Reads the body and sends `event` for each chunk, as the least that any server in Python does."""

    async def answer(request: Request) -> StreamingResponse:
        await request.body()

        async def pieces() -> AsyncGenerator[bytes]:
            async for _ in script.generate(MODEL, cast("Any", None)):
                yield event

        return StreamingResponse(pieces(), media_type="text/event-stream")

    return cast("App", Starlette(routes=[Route(path, answer, methods=["POST"])]))
