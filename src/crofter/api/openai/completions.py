"""`POST /v1/completions`: raw prompts, fill-in-the-middle, several prompts at once."""

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial

import anyio
import msgspec
from msgspec.structs import replace

from crofter.api.asgi import App
from crofter.api.call import Call
from crofter.api.provenance import Extension, provenance_headers
from crofter.api.replies import SSE, JsonReply, StreamReply, until_disconnect
from crofter.api.services import Services
from crofter.core import Chunk, CrofterError, ErrorCode, GenerationRequest, InfillPrompt, Prompt, Provenance, TextPrompt

from .completion_choice import CompletionChoice, GrowingChoice
from .fields import completion_id, generation_request, raw_prompts
from .replies import Tally, UsageReply
from .wire import CompletionBody

_MAX_PROMPTS = 128


class Completion(msgspec.Struct, kw_only=True):
    id: str
    object: str = "text_completion"
    created: int
    model: str
    choices: list[CompletionChoice]
    usage: UsageReply | msgspec.UnsetType | None = msgspec.UNSET
    crofter: Extension | msgspec.UnsetType = msgspec.UNSET


class Completions:
    """The route."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def create(self, call: Call) -> App:
        """Parse, open a turn for each prompt, and answer in one piece or as one stream."""
        services = self._services
        body = await call.body(CompletionBody)
        opened = await services.inference.open_all(completion_requests(services, body), call.asker)
        answers = [chunks for _, chunks in opened]
        turn, _ = opened[0]
        seat = services.editors.seat(call, turn) if len(opened) == 1 else None
        if seat is not None:
            answers = [seat.follow(answers[0])]
        provenance = turn.provenance
        frame = Completion(id=completion_id("cmpl"), created=int(time.time()), model=provenance.model_name, choices=[])
        work = CompletionWork(answers, choices_each=turn.request.choices, with_logprobs=body.logprobs is not None)
        headers = provenance_headers(provenance)
        if not body.stream:
            await until_disconnect(call.receive, work.collect)
            frame.choices = [choice.whole() for choice in work.choices]
            if seat is not None and seat.superseded:
                frame.choices = [replace(choice, text="", logprobs=None) for choice in frame.choices]
            frame.usage = work.tally.usage()
            frame.crofter = work.tally.extension(provenance)
            return JsonReply(frame, headers=headers)
        include_usage = bool(body.stream_options and body.stream_options.include_usage)
        if include_usage:
            frame.usage = None
        stream = CompletionStream(frame, work, provenance, include_usage=include_usage)
        return StreamReply(
            SSE,
            [stream.events(index) for index in range(len(answers))],
            tail=stream.tail,
            headers=headers,
            keep_alive_seconds=services.settings.keep_alive_seconds,
            timeout_seconds=services.settings.request_timeout_seconds,
        )


class CompletionWork:
    """The turns of one request, one a prompt; choice `c` of prompt `p` is number `p * n + c` of the reply."""

    def __init__(self, answers: Sequence[AsyncGenerator[Chunk]], *, choices_each: int, with_logprobs: bool) -> None:
        total = len(answers) * choices_each
        self.answers = answers
        self._choices_each = choices_each
        self.choices = [GrowingChoice(index, with_logprobs=with_logprobs) for index in range(total)]
        self.tally = Tally(total)

    async def collect(self) -> None:
        """Take all answers to their ends, at once. Raises the first error and cancels the others."""
        failures: list[CrofterError] = []

        async def collect_one(index: int, scope: anyio.CancelScope) -> None:
            try:
                async with aclosing(self.answers[index]) as chunks:
                    async for chunk in chunks:
                        self.choice(index, chunk).add(chunk)
                        self.tally.add(chunk)
            except CrofterError as error:
                failures.append(error)
                scope.cancel()

        async with anyio.create_task_group() as group:
            for index in range(len(self.answers)):
                group.start_soon(partial(collect_one, index, group.cancel_scope), name="collect completion")
        if failures:
            raise failures[0]

    def choice(self, index: int, chunk: Chunk) -> GrowingChoice:
        return self.choices[index * self._choices_each + chunk.choice]


class CompletionStream:
    """The same work as server-sent events."""

    def __init__(self, frame: Completion, work: CompletionWork, provenance: Provenance, *, include_usage: bool) -> None:
        self._frame = frame
        self._work = work
        self._provenance = provenance
        self._include_usage = include_usage

    async def events(self, index: int) -> AsyncGenerator[bytes]:
        """One answer, its chunks as they come. Closing this closes the answer."""
        tally = self._work.tally
        async with aclosing(self._work.answers[index]) as chunks:
            async for chunk in chunks:
                tally.add(chunk)
                if chunk.text or chunk.reasoning or chunk.logprobs or chunk.finish_reason is not None:
                    event = replace(self._frame, choices=[self._work.choice(index, chunk).step(chunk)])
                    if tally.complete and not self._include_usage:
                        event.crofter = tally.extension(self._provenance)
                    yield _event(event)

    def tail(self) -> bytes:
        """What closes the stream."""
        if not self._include_usage:
            return b"data: [DONE]\n\n"
        tally = self._work.tally
        last = replace(self._frame, choices=[], usage=tally.usage(), crofter=tally.extension(self._provenance))
        return _event(last) + b"data: [DONE]\n\n"


def completion_requests(services: Services, body: CompletionBody) -> list[GenerationRequest]:
    """One request a prompt. Raises INVALID_REQUEST, UNSUPPORTED or NOT_FOUND naming the field."""
    prompts = raw_prompts(body.prompt, "prompt")
    if len(prompts) > _MAX_PROMPTS:
        raise CrofterError(
            ErrorCode.INVALID_REQUEST, f"prompt: at most {_MAX_PROMPTS} prompts at once", parameter="prompt"
        )
    if body.best_of is not None and body.best_of > (body.n or 1):
        raise CrofterError(
            ErrorCode.UNSUPPORTED, "best_of above n is not supported; ask for n answers", parameter="best_of"
        )
    return [
        generation_request(
            services,
            body,
            prompt if body.suffix is None else _infill(prompt, body.suffix),
            max_tokens=body.max_tokens,
            top_logprobs=body.logprobs,
            echo=bool(body.echo),
        )
        for prompt in prompts
    ]


def _infill(prompt: Prompt, suffix: str) -> InfillPrompt:
    if not isinstance(prompt, TextPrompt):
        raise CrofterError(ErrorCode.INVALID_REQUEST, "suffix needs a prompt of text", parameter="suffix")
    return InfillPrompt(prefix=prompt.text, suffix=suffix)


def _event(completion: Completion) -> bytes:
    return b"data: " + msgspec.json.encode(completion) + b"\n\n"
