"""`POST /api/chat` and `POST /api/generate`."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import msgspec

from crofter.api.asgi import App
from crofter.api.call import Call
from crofter.api.media import Attachments, with_media
from crofter.api.provenance import provenance_headers
from crofter.api.replies import JsonReply, StreamReply, until_disconnect
from crofter.api.services import Services
from crofter.core import Chunk, Prompt

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
        """An answer to messages. Without any the model has only to be there: the first request loads it, the settings unload it."""
        body = await call.body(ChatBody)
        attachments = Attachments()
        prompt = chat_prompt(body, attachments) if body.messages else None
        return await self._answer(call, body, prompt, attachments, _message)

    async def generate(self, call: Call) -> App:
        """Text after a prompt, or between it and a suffix."""
        body = await call.body(GenerateBody)
        attachments = Attachments()
        prompt = generate_prompt(body, attachments) if body.prompt or body.images else None
        return await self._answer(call, body, prompt, attachments, _response)

    async def _answer(
        self, call: Call, body: GenerationFields, prompt: Prompt | None, attachments: Attachments, part: Part
    ) -> App:
        services = self._services
        name = known_name(services, body.model)
        if prompt is None:
            line = {
                "model": body.model,
                "created_at": created_at(),
                **part("", "", []),
                "done": True,
                "done_reason": "load",
            }
            return JsonReply(line)
        request = generation_request(body, prompt, services.settings.request_timeout_seconds)
        request = await with_media(request, attachments, services.fetch_media)
        turn = await services.router.open(msgspec.structs.replace(request, model=name), call.intent)
        chunks = services.metrics.watched(turn, call.exchange.arrived_at)
        headers = provenance_headers(turn.provenance)
        if body.stream:
            return StreamReply(
                LINES,
                [_lines(body.model, chunks, part)],
                headers=headers,
                keep_alive_seconds=services.settings.keep_alive_seconds,
                timeout_seconds=services.settings.request_timeout_seconds,
            )
        whole = await until_disconnect(call.receive, lambda: _collected(body.model, chunks, part))
        return JsonReply(whole, headers=headers)


async def _lines(model: str, chunks: AsyncGenerator[Chunk], part: Part) -> AsyncGenerator[bytes]:
    calls = WholeCalls()
    async with aclosing(chunks):
        async for chunk in chunks:
            complete = calls.add(chunk)
            if not (chunk.text or chunk.reasoning or complete or chunk.finish_reason):
                continue
            end = ending(chunk) if chunk.finish_reason else {"done": False}
            line = {"model": model, "created_at": created_at(), **part(chunk.text, chunk.reasoning, complete), **end}
            yield _encode(line) + b"\n"


async def _collected(model: str, chunks: AsyncGenerator[Chunk], part: Part) -> dict[str, Any]:
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
    return {"model": model, "created_at": created_at(), **said, **ending(last)}
