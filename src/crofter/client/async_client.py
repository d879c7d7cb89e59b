"""The client for programs with an event loop."""

from collections.abc import Sequence
from functools import cached_property
from types import TracebackType
from typing import Self, Unpack

from crofter.core import Radius

from .admin import Admin
from .answers import Delta, Reply, ReplyReader
from .asking import ChatOptions, Messages, chat_request
from .async_connection import AsyncConnection
from .patience import Patience
from .places import found_place
from .replies import MODELS, Embeddings, Model, ModelPage, VectorList, embedding_request
from .request import READ_TIMEOUT_SECONDS, Request


class AsyncClient:
    """As `Client`, with `await`.

    >>> import anyio
    >>> from crofter.client import AsyncClient
    >>> async def main():
    ...     async with AsyncClient() as client, client.stream("Hello!", max_tokens=5) as stream:
    ...         text = "".join([delta.text async for delta in stream])
    ...     return text == stream.reply.text
    >>> anyio.run(main)
    True
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout_seconds: float = READ_TIMEOUT_SECONDS,
        retries: int = 2,
    ) -> None:
        self._connection = AsyncConnection(
            found_place(base_url, api_key), timeout_seconds=timeout_seconds, patience=Patience(retries=retries)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the sockets; streams that are open end."""
        await self._connection.close()

    async def chat(self, messages: Messages, **options: Unpack[ChatOptions]) -> Reply:
        """The whole answer to what the user says, or to a conversation."""
        async with self.stream(messages, **options) as stream:
            return await stream.rest()

    def stream(self, messages: Messages, **options: Unpack[ChatOptions]) -> "AsyncStream":
        """The answer while it is written. Leaving the block, or closing the stream, stops the writing."""
        return AsyncStream(self._connection, chat_request(messages, options))

    async def embed(
        self, texts: Sequence[str], *, model: str = "", dimensions: int | None = None, radius: Radius = "local"
    ) -> Embeddings:
        """A vector for each text."""
        request = embedding_request(texts, model, dimensions, radius)
        return (await self._connection.ask(request, VectorList)).embeddings()

    async def models(self) -> list[Model]:
        """What the node offers."""
        return (await self._connection.ask(MODELS, ModelPage)).models()

    @cached_property
    def admin(self) -> Admin[AsyncConnection]:
        """The owner's side; needs the administrator's token, which a client of this user's own node has."""
        return Admin(self._connection)


class AsyncStream:
    """An answer while it is written: iterate over what is new. Nothing is sent before the first step."""

    def __init__(self, connection: AsyncConnection, request: Request) -> None:
        self._lines = connection.streamed(request)
        self._reader = ReplyReader()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Delta:
        while not self._reader.complete:
            line = await anext(self._lines, None)
            if line is None:
                self._reader.require_complete()
            elif delta := self._reader.feed(line):
                return delta
        await self.close()
        raise StopAsyncIteration

    @property
    def reply(self) -> Reply:
        """What has come so far; after the last step all of it."""
        return self._reader.reply()

    async def rest(self) -> Reply:
        """The whole answer. Raises WORKER_FAILED if it breaks off."""
        async for _ in self:
            pass
        return self.reply

    async def close(self) -> None:
        """Stop listening; the node stops writing."""
        await self._lines.aclose()
