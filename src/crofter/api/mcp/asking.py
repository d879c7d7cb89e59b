"""Questions of the tools to models of this node."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from time import perf_counter
from typing import Any, TypeVar

import anyio
import msgspec

from crofter.api.access import Asker
from crofter.api.provenance import Extension, extension
from crofter.api.services import Services
from crofter.core import ChatPrompt, Chunk, GenerationRequest, JsonSchema, Message, Sampling, new_request_id

T = TypeVar("T")
R = TypeVar("R")
_AT_ONCE = 8
"""Questions of one call that are asked side by side; the rest wait."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a model said, and where."""

    model: str
    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    ran_on: tuple[str, ...] = ()


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask a model."""

    prompt: str
    model: str = ""
    system: str = ""
    max_tokens: int | None = None
    temperature: float | None = None
    schema: dict[str, Any] | None = None
    """The answer is JSON by it."""


class Asking:
    """Asks for one call of a tool, and remembers what is to be said about each answer."""

    def __init__(self, services: Services, asker: Asker) -> None:
        self.services = services
        self._asker = asker
        self.extensions: list[Extension] = []
        """Of the answers so far, in the order in which they ended."""

    async def ask(self, question: Question) -> Answer:
        """The model's answer. Raises what the router and the backend raise."""
        started = perf_counter()
        request = _request(question, self.services.settings.request_timeout_seconds)
        asker = msgspec.structs.replace(self._asker, arrived_at=started)
        turn, chunks = await self.services.inference.open(request, asker)
        texts: list[str] = []
        end = Chunk()
        async with aclosing(chunks):
            async for chunk in chunks:
                texts.append(chunk.text)
                end = chunk
        self.extensions.append(extension(turn.provenance, [end]))
        return Answer(
            model=turn.provenance.model_name,
            text="".join(texts),
            prompt_tokens=end.usage.prompt_tokens if end.usage else 0,
            completion_tokens=end.usage.completion_tokens if end.usage else 0,
            seconds=round(perf_counter() - started, 3),
            ran_on=turn.provenance.ran_on,
        )


def _request(question: Question, timeout_seconds: float) -> GenerationRequest:
    system = (Message(role="system", content=question.system),) if question.system else ()
    return GenerationRequest(
        request_id=new_request_id(),
        model=question.model,
        prompt=ChatPrompt(messages=(*system, Message(role="user", content=question.prompt))),
        sampling=Sampling(temperature=question.temperature),
        max_tokens=question.max_tokens,
        shortens_to_fit=True,
        constraint=None if question.schema is None else JsonSchema(schema=question.schema),
        timeout_seconds=timeout_seconds,
    )


async def side_by_side(
    items: Sequence[T], work: Callable[[T], Awaitable[R]], done: Callable[[int], Awaitable[None]]
) -> list[R]:
    """The results in order; a few at a time. `done` is told after each how many are. The first failure ends all, and is raised."""
    results: dict[int, R] = {}
    limiter = anyio.CapacityLimiter(_AT_ONCE)
    failures: list[Exception] = []

    async def one(index: int, scope: anyio.CancelScope) -> None:
        try:
            async with limiter:
                results[index] = await work(items[index])
        except Exception as failure:  # noqa: BLE001 - only carried out of the task group, which would wrap it
            failures.append(failure)
            scope.cancel()
            return
        await done(len(results))

    async with anyio.create_task_group() as tasks:
        for index in range(len(items)):
            tasks.start_soon(one, index, tasks.cancel_scope)
    if failures:
        raise failures[0]
    return [results[index] for index in range(len(items))]
