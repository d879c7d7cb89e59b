"""The client for ordinary programs."""

from collections.abc import Sequence
from functools import cached_property
from types import TracebackType
from typing import Self, Unpack

from crofter.core import Radius

from .admin import Admin
from .answers import Delta, Reply, ReplyReader
from .asking import ChatOptions, Messages, chat_request
from .connection import Connection
from .patience import Patience
from .places import found_place
from .replies import MODELS, Embeddings, Model, ModelPage, VectorList, embedding_request
from .request import READ_TIMEOUT_SECONDS, Request


class Client:
    """A node: the one that runs on this user's home, or the one that `base_url` (or CROFTER_URL) names.

    `timeout_seconds` is the longest silence. A node that is not there, or that says when to come back, is asked `retries`
    times more. Every method raises CrofterError with the node's own code and words.

    >>> from crofter.client import Client
    >>> with Client() as client:
    ...     reply = client.chat("Is the sky blue?", schema={"type": "boolean"}, seed=1)
    ...     where = reply.provenance
    >>> reply.json() in (True, False)
    True
    >>> where.radius, where.readable_by
    ('local', ('this node',))
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout_seconds: float = READ_TIMEOUT_SECONDS,
        retries: int = 2,
    ) -> None:
        self._connection = Connection(
            found_place(base_url, api_key), timeout_seconds=timeout_seconds, patience=Patience(retries=retries)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the sockets; streams that are open end."""
        self._connection.close()

    def chat(self, messages: Messages, **options: Unpack[ChatOptions]) -> Reply:
        """The whole answer to what the user says, or to a conversation.

        >>> with Client() as client:
        ...     first = client.chat("Hello!", max_tokens=5)
        ...     talk = [{"role": "user", "content": "Hello!"}, first.message(), {"role": "user", "content": "And?"}]
        ...     second = client.chat(talk, max_tokens=5, temperature=0)
        >>> second.usage.prompt_tokens > first.usage.prompt_tokens
        True
        """
        with self.stream(messages, **options) as stream:
            return stream.rest()

    def stream(self, messages: Messages, **options: Unpack[ChatOptions]) -> "Stream":
        """The answer while it is written. Leaving the block, or closing the stream, stops the writing.

        >>> with Client() as client, client.stream("Tell me a story.", max_tokens=9, seed=1) as stream:
        ...     text = "".join(delta.text for delta in stream)
        >>> text == stream.reply.text
        True
        >>> stream.reply.finish_reason
        'length'
        """
        return Stream(self._connection, chat_request(messages, options))

    def embed(
        self, texts: Sequence[str], *, model: str = "", dimensions: int | None = None, radius: Radius = "local"
    ) -> Embeddings:
        """A vector for each text.

        >>> with Client() as client:
        ...     sheep, goat = client.embed(["a sheep", "a goat"]).vectors
        >>> len(sheep) == len(goat)
        True
        """
        request = embedding_request(texts, model, dimensions, radius)
        return self._connection.ask(request, VectorList).embeddings()

    def models(self) -> list[Model]:
        """What the node offers.

        >>> with Client() as client:
        ...     "chat" in next(model for model in client.models() if model.default).capabilities
        True
        """
        return self._connection.ask(MODELS, ModelPage).models()

    @cached_property
    def admin(self) -> Admin[Connection]:
        """The owner's side; needs the administrator's token, which a client of this user's own node has."""
        return Admin(self._connection)


class Stream:
    """An answer while it is written: iterate over what is new. Nothing is sent before the first step."""

    def __init__(self, connection: Connection, request: Request) -> None:
        self._lines = connection.streamed(request)
        self._reader = ReplyReader()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Delta:
        while not self._reader.complete:
            line = next(self._lines, None)
            if line is None:
                self._reader.require_complete()
            elif delta := self._reader.feed(line):
                return delta
        self.close()
        raise StopIteration

    @property
    def reply(self) -> Reply:
        """What has come so far; after the last step all of it."""
        return self._reader.reply()

    def rest(self) -> Reply:
        """The whole answer. Raises WORKER_FAILED if it breaks off."""
        for _ in self:
            pass
        return self.reply

    def close(self) -> None:
        """Stop listening; the node stops writing."""
        self._lines.close()
