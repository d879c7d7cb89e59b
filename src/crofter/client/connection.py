"""A node over HTTP: JSON in, values, lines or errors out."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from itertools import count
from types import TracebackType
from typing import Self, TypeVar

import httpx2
import msgspec

from .faults import lost, raise_for_error_line, refused, was_never_made
from .lines import Lines
from .patience import Patience
from .places import Place
from .request import READ_TIMEOUT_SECONDS, Request, authorization, timeouts

NOT_AGAIN = Patience()

T = TypeVar("T")


class Connection:
    """To one node. Every method raises CrofterError with the node's own code and words."""

    def __init__(
        self, place: Place, *, timeout_seconds: float = READ_TIMEOUT_SECONDS, patience: Patience = NOT_AGAIN
    ) -> None:
        self._patience = patience
        # Proxies of the environment are not used: what is said goes to the node alone.
        self._http = httpx2.Client(
            base_url=place.url, headers=authorization(place), timeout=timeouts(timeout_seconds), trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the sockets."""
        self._http.close()

    def ask(self, request: Request, kind: type[T]) -> T:
        """Send and decode the reply."""
        with self._opened(request) as response:
            return msgspec.json.decode(response.read() or b"null", type=kind)

    def streamed(self, request: Request) -> Generator[bytes]:
        """Each line of the reply that is not empty, as it comes; closing the generator disconnects."""
        lines = Lines()
        with self._opened(request) as response:
            for data in response.iter_bytes():
                yield from lines.feed(data)
            yield from lines.end()

    def progress(self, request: Request, kind: type[T]) -> Generator[T]:
        """Each line of NDJSON decoded. An error line ends it with that error."""
        for line in self.streamed(request):
            raise_for_error_line(line)
            yield msgspec.json.decode(line, type=kind)

    @contextmanager
    def _opened(self, request: Request) -> Generator[httpx2.Response]:
        response = self._answered(request)
        try:
            yield response
        except httpx2.TransportError as error:
            raise lost(error) from error
        finally:
            response.close()

    def _answered(self, request: Request) -> httpx2.Response:
        for attempt in count():
            reached = True
            try:
                response = self._http.send(request.build(self._http), stream=True)
                if response.status_code < 400:
                    return response
                failure = refused(response.status_code, response.headers, response.read())
                response.close()
            except httpx2.TransportError as error:
                failure, reached = lost(error), not was_never_made(error)
            wait_seconds = self._patience.wait_seconds(failure, attempt, reached=reached, repeatable=request.repeatable)
            if wait_seconds is None:
                raise failure
            time.sleep(wait_seconds)
        raise AssertionError("unreachable")
