"""`/v1/responses` and what hangs below it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from crofter.api.asgi import App
from crofter.api.call import Call
from crofter.api.openai.replies import Tally
from crofter.api.provenance import provenance_headers
from crofter.api.replies import SSE, JsonReply, StreamReply, until_disconnect
from crofter.api.services import Services
from crofter.core import Chunk, CrofterError, ErrorCode
from crofter.router import Turn

from .items import Response, begun_response
from .kept import KeptResponses
from .request import chat_prompt, generation_request, ignored_tools, items_of
from .wire import InputItem, ResponsesBody, TokensBody
from .writer import ResponseWriter


class DeletedResponse(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    object: str = "response"
    deleted: bool = True


class InputTokens(msgspec.Struct, frozen=True, kw_only=True):
    object: str = "response.input_tokens"
    input_tokens: int


class ItemPage(msgspec.Struct, frozen=True, kw_only=True):
    object: str = "list"
    data: list[InputItem]
    has_more: bool = False
    first_id: str | None
    last_id: str | None


class Responses:
    """The routes."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._kept = KeptResponses()

    async def create(self, call: Call) -> App:
        """Parse, choose the way, and answer in one piece or as a stream."""
        services = self._services
        body = await call.body(ResponsesBody)
        if body.background:
            raise CrofterError(
                ErrorCode.UNSUPPORTED, "responses in the background are not supported", parameter="background"
            )
        items = [*self._kept.conversation(body.previous_response_id), *items_of(body.input)]
        request = generation_request(body, items, services.settings.request_timeout_seconds)
        turn, chunks = await services.inference.open(request, call.asker)
        headers = provenance_headers(turn.provenance)
        tally, ignored = Tally(1), ignored_tools(body) or msgspec.UNSET
        writer = ResponseWriter(
            begun_response(body, turn.provenance.model_name),
            lambda: msgspec.structs.replace(tally.extension(turn.provenance), ignored_tools=ignored),
            streams=bool(body.stream),
        )
        events = self._events(writer, turn, tally, chunks, items)
        if body.stream:
            return StreamReply(
                msgspec.structs.replace(SSE, error_line=writer.failed),
                [events],
                headers=headers,
                keep_alive_seconds=services.settings.keep_alive_seconds,
                timeout_seconds=services.settings.request_timeout_seconds,
            )
        await until_disconnect(call.receive, lambda: _to_the_end(events))
        return JsonReply(writer.response, headers=headers)

    async def retrieve(self, call: Call) -> App:
        """A response that was kept. Raises NOT_FOUND."""
        return JsonReply(self._kept.get(call.name).response)

    async def delete(self, call: Call) -> App:
        """Forget one. Raises NOT_FOUND."""
        self._kept.forget(call.name)
        return JsonReply(DeletedResponse(id=call.name))

    async def cancel(self, call: Call) -> App:
        """Stop one that is being written; one that has ended is given as it is. Raises NOT_FOUND."""
        if self._kept.cancel(call.name):
            return JsonReply({"id": call.name, "object": "response", "status": "cancelled"})
        return JsonReply(self._kept.get(call.name).response)

    async def input_items(self, call: Call) -> App:
        """What a kept response answered. Raises NOT_FOUND."""
        items = self._kept.get(call.name).items
        ids = [item.id for item in items] or [None]
        return JsonReply(ItemPage(data=items, first_id=ids[0], last_id=ids[-1]))

    async def input_tokens(self, call: Call) -> App:
        """How many tokens a request is, without answering it."""
        body = await call.body(TokensBody)
        items = [*self._kept.conversation(body.previous_response_id), *items_of(body.input)]
        tokens = await self._services.inference.tokenize(body.model or "", chat_prompt(body, items), call.asker)
        return JsonReply(InputTokens(input_tokens=len(tokens)))

    async def _events(
        self,
        writer: ResponseWriter,
        turn: Turn,
        tally: Tally,
        chunks: AsyncGenerator[Chunk],
        items: list[InputItem],
    ) -> AsyncGenerator[bytes]:
        response = writer.response
        self._kept.started(response.id, turn.cancel)
        try:
            async with aclosing(chunks):
                # Nothing is sent before the first chunk: an error until then is an HTTP status.
                async for chunk in chunks:
                    before = b"" if writer.has_begun else writer.begin()
                    tally.add(chunk)
                    if events := before + writer.add(chunk):
                        yield events
            self._keep(response, items)
        finally:
            self._kept.ended(response.id)

    def _keep(self, response: Response, items: list[InputItem]) -> None:
        if response.store:
            self._kept.keep(response, items)


async def _to_the_end(events: AsyncGenerator[bytes]) -> None:
    async with aclosing(events):
        async for _ in events:
            pass
