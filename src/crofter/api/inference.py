"""The one way from every dialect to the router: what a key allows is checked before, what was used is charged after."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import aclosing, contextmanager
from typing import TypeVar

import msgspec

from crofter.core import (
    Chunk,
    CrofterError,
    EmbeddingRequest,
    EmbeddingResult,
    ErrorCode,
    GenerationRequest,
    Model,
    Prompt,
    Provenance,
    RerankRequest,
    RerankResult,
    TextPrompt,
    Usage,
)
from crofter.router import Router, Turn

from .access import Account, Asker
from .media import FetchMedia, names_media, no_fetching, with_media
from .metrics import Metrics

Read = TypeVar("Read", EmbeddingResult, RerankResult)


class Inference:
    """Asks models for a dialect. Without an account nothing is limited or recorded."""

    def __init__(self, router: Router, metrics: Metrics, fetch_media: FetchMedia = no_fetching) -> None:
        self._router = router
        self._metrics = metrics
        self._fetch_media = fetch_media

    @property
    def draining(self) -> bool:
        """Whether new requests are refused because the node stops."""
        return self._router.draining

    def resolve(self, name: str) -> Model:
        """The model a name means; the default one for an empty name. Raises MODEL_NOT_FOUND."""
        return self._router.resolve(name)

    async def open(self, request: GenerationRequest, asker: Asker) -> tuple[Turn, AsyncGenerator[Chunk]]:
        """A turn and its answer. Raises what the router raises, FORBIDDEN for a model the key may not ask, RATE_LIMITED.

        What the prompt only names is fetched after these checks. Raises what `with_media` raises.
        The answer raises RATE_LIMITED or REQUEST_TOO_LARGE before anything is computed if the prompt has too many tokens.
        """
        [opened] = await self.open_all([request], asker)
        return opened

    async def open_all(
        self, requests: Sequence[GenerationRequest], asker: Asker
    ) -> list[tuple[Turn, AsyncGenerator[Chunk]]]:
        """The same for several prompts that are one request of a client."""
        with _errors_counted(asker.account):
            turns = [await self._router.open(request, asker.intent) for request in requests]
            self._begin(asker.account, {turn.request.model: turn.model for turn in turns})
            for turn in turns:
                if names_media(turn.request.prompt):
                    prompt = await with_media(turn.request.prompt, self._fetch_media)
                    turn.request = msgspec.structs.replace(turn.request, prompt=prompt)
        return [(turn, self._answer(turn, asker)) for turn in turns]

    async def embed(
        self, request: EmbeddingRequest, asker: Asker, *, timeout_seconds: float
    ) -> tuple[EmbeddingResult, Provenance]:
        """Vectors and where they were made. Raises what `open` and its answer raise, and the backend's errors."""
        result, provenance = await self._whole(
            request.model,
            request.inputs,
            asker,
            lambda: self._router.embed(request, asker.intent, timeout_seconds=timeout_seconds),
        )
        self._metrics.tokens_embedded(result.prompt_tokens)
        return result, provenance

    async def rerank(
        self, request: RerankRequest, asker: Asker, *, timeout_seconds: float
    ) -> tuple[RerankResult, Provenance]:
        """How well each document answers, and where that was judged. Raises as `embed`."""
        result, provenance = await self._whole(
            request.model,
            [TextPrompt(text=request.query + document) for document in request.documents],
            asker,
            lambda: self._router.rerank(request, asker.intent, timeout_seconds=timeout_seconds),
        )
        self._metrics.tokens_ranked(result.prompt_tokens)
        return result, provenance

    async def tokenize(self, model: str, prompt: Prompt, asker: Asker) -> Sequence[int]:
        """The token ids of a prompt: a request that uses none. Raises what `open` raises."""
        with _errors_counted(asker.account):
            self._begin(asker.account, {model: self._router.resolve(model)})
            if names_media(prompt):
                self._router.require_tokens(model, prompt, asker.intent)
                prompt = await with_media(prompt, self._fetch_media)
            return await self._router.tokenize(model, prompt, asker.intent)

    async def pieces(self, model: str, prompt: Prompt, asker: Asker) -> Sequence[tuple[int, bytes]]:
        """The same, each with how it is written. Raises as `tokenize`."""
        with _errors_counted(asker.account):
            self._begin(asker.account, {model: self._router.resolve(model)})
            return await self._router.pieces(model, prompt, asker.intent)

    async def _whole(
        self,
        model: str,
        prompts: Sequence[Prompt],
        asker: Asker,
        work: Callable[[], Awaitable[tuple[Read, Provenance]]],
    ) -> tuple[Read, Provenance]:
        """What is read and answered at once: its tokens are taken before, and put right after."""
        account = asker.account
        with _errors_counted(account):
            self._begin(account, {model: self._router.resolve(model)})
            reserved = await self._reserve(model, prompts, asker)
            try:
                result, provenance = await work()
            except CrofterError:
                if account is not None:
                    account.charge(prompt_tokens=-reserved)
                raise
        if account is not None:
            account.charge(prompt_tokens=result.prompt_tokens - reserved)
        return result, provenance

    def _begin(self, account: Account | None, models: dict[str, Model]) -> None:
        if account is None:
            return
        for name, model in models.items():
            self._require_model(account, name, model)
        account.begin()

    def _require_model(self, account: Account, name: str, model: Model) -> None:
        allowed = account.policy.models
        if not allowed or any(self._means(one, model) for one in allowed):
            return
        message = f"this key may not ask {name or model.name}; it may ask {', '.join(allowed)}"
        raise CrofterError(ErrorCode.FORBIDDEN, message, parameter="model")

    def _means(self, name: str, model: Model) -> bool:
        try:
            allowed = self._router.resolve(name)
        except CrofterError:  # It was removed since the key was made.
            return False
        # A model of somebody else's has no id, only its name.
        return (allowed.model_id, model.model_id or allowed.name) == (model.model_id, model.model_id or model.name)

    def _answer(self, turn: Turn, asker: Asker) -> AsyncGenerator[Chunk]:
        chunks = self._metrics.watched(turn, asker.arrived_at)
        return chunks if asker.account is None else self._charged(turn, chunks, asker, asker.account)

    async def _charged(
        self, turn: Turn, chunks: AsyncGenerator[Chunk], asker: Asker, account: Account
    ) -> AsyncGenerator[Chunk]:
        """The chunks, and at their end what they came to: also when the client left, or the model failed, in the middle."""
        with _errors_counted(account):
            reserved = await self._reserve(turn.request.model, [turn.request.prompt], asker)
            usage: Usage | None = None
            written_tokens = 0
            failed = False
            try:
                async with aclosing(chunks):
                    async for chunk in chunks:
                        usage = chunk.usage or usage or chunk.prompt_usage
                        written_tokens += len(chunk.token_ids) or bool(chunk.text or chunk.reasoning)
                        yield chunk
            except CrofterError:
                failed = True
                raise
            finally:
                if usage is None:
                    was_read = written_tokens > 0 or not failed
                    usage = Usage(prompt_tokens=reserved if was_read else 0, completion_tokens=written_tokens)
                account.charge(
                    prompt_tokens=usage.prompt_tokens - reserved,
                    cached_tokens=usage.cached_tokens,
                    completion_tokens=usage.completion_tokens or written_tokens,
                )

    async def _reserve(self, model: str, prompts: Sequence[Prompt], asker: Asker) -> int:
        """Take the prompts' tokens from what is left, if there is a limit; returns how many. Raises RATE_LIMITED, REQUEST_TOO_LARGE."""
        account = asker.account
        if account is None or not account.policy.limits_tokens:
            return 0
        tokens = 0
        for prompt in prompts:
            try:
                tokens += len(await self._router.tokenize(model, prompt, asker.intent))
            except CrofterError as error:
                # Whoever runs it elsewhere may not say beforehand; then it is charged when it is known.
                if error.code is not ErrorCode.UNSUPPORTED:
                    raise
        account.reserve(tokens)
        return tokens


@contextmanager
def _errors_counted(account: Account | None) -> Generator[None]:
    try:
        yield
    except CrofterError:
        if account is not None:
            account.charge(errors=1)
        raise
