"""`POST /api/chat` and `POST /api/generate`."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import msgspec

from crofter.api.asgi import App
from crofter.api.call import Call
from crofter.api.provenance import provenance_headers
from crofter.api.replies import JsonReply, StreamReply, until_disconnect
from crofter.api.services import Services
from crofter.core import Chunk, CrofterError, ErrorCode, Prompt, Provenance, TextPrompt

from .keep import heeded_seconds, keep_alive_seconds, may_decide
from .names import known_name
from .replies import LINES, WholeCalls, created_at, ending
from .request import chat_prompt, generate_prompt, generation_request
from .wire import ChatBody, GenerateBody, GenerationFields

_encode = msgspec.json.encode
Part = Callable[[str, str, list[dict[str, Any]]], dict[str, Any]]
"""From text, thinking and calls to the fields of a line that hold them."""


def _message(text: str, thinking: str, calls: list[dict[str, Any]]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if thinking:
        message["thinking"] = thinking
    if calls:
        message["tool_calls"] = calls
    return {"message": message}


def _response(text: str, thinking: str, _: list[dict[str, Any]]) -> dict[str, Any]:
    return {"response": text, "thinking": thinking} if thinking else {"response": text}


class Generation:
    """The two routes."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def chat(self, call: Call) -> App:
        """An answer to messages. Without any the model is only loaded, or, with a `keep_alive` of 0, let go."""
        body = await call.body(ChatBody)
        return await self._answer(call, body, chat_prompt(body) if body.messages else None, _message)

    async def generate(self, call: Call) -> App:
        """Text after a prompt, or between it and a suffix."""
        body = await call.body(GenerateBody)
        prompt = generate_prompt(body) if body.prompt or body.images else None
        return await self._answer(call, body, prompt, _response)

    async def _answer(self, call: Call, body: GenerationFields, prompt: Prompt | None, part: Part) -> App:
        services = self._services
        name = known_name(services, body.model)
        if prompt is None:
            reason = await self._only_kept(call, name, keep_alive_seconds(body.keep_alive))
            said = {"model": body.model, "created_at": created_at(), **part("", "", [])}
            return JsonReply({**said, "done": True, "done_reason": reason})
        keep_seconds = heeded_seconds(body.keep_alive, call.exchange.account)
        request = generation_request(body, prompt, services.settings.request_timeout_seconds, keep_seconds)
        turn, chunks = await services.inference.open(msgspec.structs.replace(request, model=name), call.asker)
        seat = services.editors.seat(call, turn)
        if seat is not None:
            chunks = seat.follow(chunks)
        headers = provenance_headers(turn.provenance)
        if body.stream:
            return StreamReply(
                LINES,
                [_lines(body.model, chunks, part, turn.provenance)],
                headers=headers,
                keep_alive_seconds=services.settings.keep_alive_seconds,
                timeout_seconds=services.settings.request_timeout_seconds,
            )
        whole = await until_disconnect(call.receive, lambda: _collected(body.model, chunks, part, turn.provenance))
        if seat is not None and seat.superseded:
            whole |= part("", "", [])
        return JsonReply(whole, headers=headers)

    async def _only_kept(self, call: Call, name: str, seconds: float | None) -> str:
        """Load a model, or have it unloaded as soon as nobody uses it; returns which. Raises FORBIDDEN for a key that may not unload."""
        decides = may_decide(call.exchange.account)
        if seconds != 0:
            await self._services.inference.tokenize(name, TextPrompt(text=""), call.asker)
        elif not decides:
            message = "this would unload the model for everybody; it needs a key with the scope 'admin'"
            raise CrofterError(ErrorCode.FORBIDDEN, message, parameter="keep_alive")
        if decides:
            self._services.administration.keep_model(name, seconds)
        return "unload" if seconds == 0 else "load"


async def _lines(
    model: str, chunks: AsyncGenerator[Chunk], part: Part, provenance: Provenance
) -> AsyncGenerator[bytes]:
    calls = WholeCalls()
    async with aclosing(chunks):
        async for chunk in chunks:
            complete = calls.add(chunk)
            if not (chunk.text or chunk.reasoning or complete or chunk.finish_reason):
                continue
            end = ending(chunk, provenance) if chunk.finish_reason else {"done": False}
            line = {"model": model, "created_at": created_at(), **part(chunk.text, chunk.reasoning, complete), **end}
            yield _encode(line) + b"\n"


async def _collected(model: str, chunks: AsyncGenerator[Chunk], part: Part, provenance: Provenance) -> dict[str, Any]:
    texts: list[str] = []
    thoughts: list[str] = []
    called: list[dict[str, Any]] = []
    calls, last = WholeCalls(), Chunk()
    async with aclosing(chunks):
        async for chunk in chunks:
            texts.append(chunk.text)
            thoughts.append(chunk.reasoning)
            called += calls.add(chunk)
            last = chunk
    said = part("".join(texts), "".join(thoughts), called)
    return {"model": model, "created_at": created_at(), **said, **ending(last, provenance)}
