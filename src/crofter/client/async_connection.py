"""The same for programs with an event loop."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from itertools import count
from types import TracebackType
from typing import Self, TypeVar

import anyio
import httpx2
import msgspec

from .connection import NOT_AGAIN
from .faults import lost, raise_for_error_line, refused, was_never_made
from .lines import Lines
from .patience import Patience
from .places import Place
from .request import READ_TIMEOUT_SECONDS, Request, authorization, timeouts

T = TypeVar("T")


class AsyncConnection:
    """To one node. Every method raises CrofterError with the node's own code and words."""

    def __init__(
        self, place: Place, *, timeout_seconds: float = READ_TIMEOUT_SECONDS, patience: Patience = NOT_AGAIN
    ) -> None:
        self._patience = patience
        self._http = httpx2.AsyncClient(
            base_url=place.url, headers=authorization(place), timeout=timeouts(timeout_seconds), trust_env=False
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the sockets."""
        await self._http.aclose()

    async def ask(self, request: Request, kind: type[T]) -> T:
        """Send and decode the reply."""
        async with self._opened(request) as response:
            return msgspec.json.decode(await response.aread() or b"null", type=kind)

    async def streamed(self, request: Request) -> AsyncGenerator[bytes]:
        """Each line of the reply that is not empty, as it comes; closing the generator disconnects."""
        lines = Lines()
        async with self._opened(request) as response:
            async for data in response.aiter_bytes():
                for line in lines.feed(data):
                    yield line
            for line in lines.end():
                yield line

    async def progress(self, request: Request, kind: type[T]) -> AsyncGenerator[T]:
        """Each line of NDJSON decoded. An error line ends it with that error."""
        async with aclosing(self.streamed(request)) as lines:
            async for line in lines:
                raise_for_error_line(line)
                yield msgspec.json.decode(line, type=kind)

    @asynccontextmanager
    async def _opened(self, request: Request) -> AsyncGenerator[httpx2.Response]:
        response = await self._answered(request)
        try:
            yield response
        except httpx2.TransportError as error:
            raise lost(error) from error
        finally:
            await response.aclose()

    async def _answered(self, request: Request) -> httpx2.Response:
        for attempt in count():
            reached = True
            try:
                response = await self._http.send(request.build(self._http), stream=True)
                if response.status_code < 400:
                    return response
                failure = refused(response.status_code, response.headers, await response.aread())
                await response.aclose()
            except httpx2.TransportError as error:
                failure, reached = lost(error), not was_never_made(error)
            wait_seconds = self._patience.wait_seconds(failure, attempt, reached=reached, repeatable=request.repeatable)
            if wait_seconds is None:
                raise failure
            await anyio.sleep(wait_seconds)
        raise AssertionError("unreachable")
