"""Providers as a backend: each request goes to the one that its model belongs to."""

import time
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import aclosing, contextmanager
from functools import partial
from types import TracebackType
from typing import Self

import anyio
import anyio.to_thread
import msgspec

from crofter.core import (
    ChatPrompt,
    Chunk,
    CrofterError,
    EmbeddingRequest,
    EmbeddingResult,
    ErrorCode,
    GenerationRequest,
    Model,
    Prompt,
    RerankRequest,
    RerankResult,
    Timings,
    Way,
)

from . import anthropic, openai
from .address import model_radius, place
from .book import ProviderBook
from .dialect import AnswerReader, MalformedAnswerError
from .faults import failure, malformed, reported
from .line import Line, trusted_certificates
from .listing import listed_models
from .refusals import no_ranking, no_tokens, require_embeddable, require_possible
from .settings import ProviderSettings
from .sse import EventReader, EventTooLargeError
from .values import Provider, RemoteModel

_MOST_MEDIA_BYTES = 256 << 20
"""Of images and sounds in the requests under way; each is held several times, as it is and as it is sent."""


class Providers:
    """Attached engines and services. Use as an async context manager; nothing is asked of anybody before a request needs it."""

    def __init__(self, book: ProviderBook, settings: ProviderSettings) -> None:
        self.book = book
        self._settings = settings
        self._lines: dict[str, Line] = {}
        self._media_bytes = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in list(self._lines):
            await self.hang_up(name)

    async def hang_up(self, name: str) -> None:
        """Close the way to a provider that was changed or removed; its running answers end with an error."""
        line = self._lines.pop(name, None)
        if line is not None:
            await line.close()

    # Backend.

    def ways(self, model: Model) -> Sequence[Way]:
        """See `core.Backend`."""
        if not isinstance(model, RemoteModel):
            return ()
        provider = model.provider
        there = place(provider, model.remote_name)
        radius = model_radius(provider, model.remote_name)
        return (Way(backend=provider.name, radius=radius, ran_on=(there,), readable_by=("this node", there)),)

    async def generate(self, model: Model, request: GenerationRequest) -> AsyncGenerator[Chunk]:
        """See `core.Backend`. Raises what `Line.opened` and `Reply.pieces` raise, and UNSUPPORTED before anything is sent."""
        provider, remote_name = self._known(model)
        require_possible(provider, request)
        line = await self._line(provider)
        begun = time.monotonic()
        first: float | None = None
        with self._carrying(request) as media_bytes:
            spoken = partial(_spoken, line, remote_name, request)
            # Megabytes of a picture would hold up everybody else while they are put into letters.
            path, content, reader = await anyio.to_thread.run_sync(spoken) if media_bytes else spoken()
            async with line.opened("POST", path, content) as reply:
                async with aclosing(_chunks(provider, reader, reply.pieces())) as chunks:
                    async for chunk in chunks:
                        if chunk.prompt_usage is None:
                            first = first or time.monotonic()
                        yield chunk
                last = reader.finish()
        if last is None:
            raise failure(provider, "broke its answer off before its end")
        yield msgspec.structs.replace(last, timings=_timings(begun, first or time.monotonic()))

    async def embed(self, model: Model, request: EmbeddingRequest) -> EmbeddingResult:
        """See `core.Backend`."""
        provider, remote_name = self._known(model)
        require_embeddable(provider, request)
        sending = openai.embedding_sending(remote_name, request)
        line = await self._line(provider)
        body = await line.fetched("POST", sending.path, sending.content())
        try:
            return await anyio.to_thread.run_sync(openai.vectors_of, body, len(request.inputs))
        except (msgspec.DecodeError, MalformedAnswerError, RecursionError) as error:
            raise malformed(provider) from error

    async def rerank(self, model: Model, request: RerankRequest) -> RerankResult:  # noqa: ARG002 - the port has it
        """Raises UNSUPPORTED."""
        raise no_ranking(self._known(model)[0])

    async def tokenize(self, model: Model, prompt: Prompt) -> Sequence[int]:  # noqa: ARG002 - the port has it
        """Raises UNSUPPORTED: a provider's tokenizer is not here."""
        raise no_tokens(self._known(model)[0])

    async def pieces(self, model: Model, prompt: Prompt) -> Sequence[tuple[int, bytes]]:  # noqa: ARG002 - the port has it
        """Raises UNSUPPORTED."""
        raise no_tokens(self._known(model)[0])

    # The owner's side.

    async def list_models(self, name: str) -> Provider:
        """Ask a provider what it offers, and remember that. Raises what `Line.opened` raises, PROVIDER_FAILED."""
        provider = self.book.get(name)
        return self.book.remember_models(provider.name, await listed_models(await self._line(provider)))

    @contextmanager
    def _carrying(self, request: GenerationRequest) -> Generator[int]:
        """How many bytes of files a request takes along, counted while it lasts. Raises OVERLOADED if there are too many in all."""
        media = request.prompt.media if isinstance(request.prompt, ChatPrompt) else ()
        size_bytes = sum(len(part.data) for part in media)
        if self._media_bytes + size_bytes > _MOST_MEDIA_BYTES:
            message = "too many images and sounds are on their way to providers"
            raise CrofterError(ErrorCode.OVERLOADED, message, retry_after_seconds=5.0)
        self._media_bytes += size_bytes
        try:
            yield size_bytes
        finally:
            self._media_bytes -= size_bytes

    def _known(self, model: Model) -> tuple[Provider, str]:
        """Whose it is. Raises UNSUPPORTED for nobody's."""
        if not isinstance(model, RemoteModel):
            raise CrofterError(ErrorCode.UNSUPPORTED, f"{model.name} is of no provider", parameter="model")
        return model.provider, model.remote_name

    async def _line(self, provider: Provider) -> Line:
        """The way to it. Raises CONFLICT if its name means another place by now, as what was allowed was this one; NOT_FOUND."""
        line = self._lines.get(provider.name)
        trusted = None if line else await anyio.to_thread.run_sync(trusted_certificates, provider)
        if not self.book.get(provider.name).stands_as(provider):
            message = f"{provider.name} was changed while this request was under way; send it again"
            raise CrofterError(ErrorCode.CONFLICT, message, parameter="model")
        if trusted is not None and provider.name not in self._lines:  # nobody was faster
            key = self.book.key(provider.name)
            self._lines[provider.name] = Line(provider, key, self._settings, trusted=trusted)
        return self._lines[provider.name]


def _spoken(line: Line, remote_name: str, request: GenerationRequest) -> tuple[str, bytes, AnswerReader]:
    """Where the request goes, its content in the provider's own form, and who understands the answer."""
    provider = line.provider

    def withheld(reason: str) -> CrofterError:
        if reason == "content_filter":
            return CrofterError(
                ErrorCode.PROVIDER_REFUSED, f"{provider.name} withheld the rest of its answer (content filter)"
            )
        return failure(provider, f"ended its answer early ({reason[:80]!r})")

    def failed(error: object) -> CrofterError:
        return reported(provider, error, line.key)

    if provider.kind.wire == "anthropic":
        sending = anthropic.sending(remote_name, request)
        return sending.path, sending.content(), anthropic.AnthropicReader(withheld, failed)
    sending = openai.sending(provider.kind, remote_name, request)
    return sending.path, sending.content(), openai.OpenAIReader(request.choices, withheld, failed)


async def _chunks(provider: Provider, reader: AnswerReader, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[Chunk]:
    """All but the last."""
    events = EventReader()
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                for data in events.feed(piece):
                    for chunk in reader.take(data):
                        yield chunk
                    if reader.ended:
                        return
    except (msgspec.DecodeError, MalformedAnswerError, RecursionError) as error:
        raise malformed(provider) from error
    except EventTooLargeError as error:
        raise failure(provider, "sent an event without an end") from error


def _timings(begun: float, first: float) -> Timings:
    """As seen from here: what it waits for is not told, so all before the first piece counts as reading the prompt."""
    return Timings(
        queue_seconds=0.0,
        prefill_seconds=first - begun,
        first_token_seconds=first - begun,
        decode_seconds=time.monotonic() - first,
    )
