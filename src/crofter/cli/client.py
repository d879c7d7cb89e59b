"""Talking to the node over its own HTTP API, with the administrator token of this run."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Self, TypeVar

import httpx2
import msgspec

from crofter.core import CrofterError, ErrorCode, ErrorReport, Radius
from crofter.node import Home, RunningNode

ADMIN = "/crofter/v1"
CONNECT_TIMEOUT_SECONDS = 5.0
READ_TIMEOUT_SECONDS = 600.0
"""The node sends a keep-alive far more often; silence this long means that it hangs."""

T = TypeVar("T")


class _ErrorBody(msgspec.Struct):
    message: str = ""
    code: str | None = None


class _ErrorReply(msgspec.Struct):
    error: _ErrorBody = msgspec.field(default_factory=_ErrorBody)


class NodeClient:
    """A connection to one running node. Every method raises CrofterError with the node's own code and words."""

    def __init__(self, node: RunningNode) -> None:
        self.node = node
        self.radius: Radius | None = None
        """How far questions to models may travel; None: as the node's settings say."""
        self._http = httpx2.Client(
            base_url=node.url,
            headers={"Authorization": f"Bearer {node.administrator_token}"},
            timeout=httpx2.Timeout(READ_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS),
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, kind: type[T], *, query: Mapping[str, str] | None = None) -> T:
        """GET and decode."""
        return self._decoded("GET", path, kind, None, query)

    def send(self, method: str, path: str, kind: type[T], body: object = None) -> T:
        """Any method with a JSON body, and decode the reply."""
        return self._decoded(method, path, kind, body, None)

    def lines(self, path: str, body: object) -> Generator[bytes]:
        """POST and yield each line that is not empty, as it comes; closing the generator disconnects."""
        with self._opened(path, body) as response:
            for line in response.iter_lines():
                if line:
                    yield line.encode()

    def progress(self, path: str, body: object, kind: type[T]) -> Generator[T]:
        """POST and yield each NDJSON line decoded. An error line ends it with that error."""
        for line in self.lines(path, body):
            raise_for_error_line(line)
            yield msgspec.json.decode(line, type=kind)

    @contextmanager
    def _opened(self, path: str, body: object) -> Generator[httpx2.Response]:
        content = msgspec.json.encode(body)
        headers = _JSON if self.radius is None else {**_JSON, "x-crofter-radius": self.radius}
        try:
            with self._http.stream("POST", path, content=content, headers=headers) as response:
                if response.status_code >= 400:
                    response.read()
                    raise _refused(response)
                yield response
        except httpx2.TransportError as error:
            raise _lost(error) from error

    def _decoded(self, method: str, path: str, kind: type[T], body: object, query: Mapping[str, str] | None) -> T:
        content = None if body is None else msgspec.json.encode(body)
        try:
            response = self._http.request(
                method, path, content=content, params=query, headers=_JSON if content else None
            )
        except httpx2.TransportError as error:
            raise _lost(error) from error
        if response.status_code >= 400:
            raise _refused(response)
        return msgspec.json.decode(response.content or b"null", type=kind)


_JSON = {"Content-Type": "application/json"}


def raise_for_error_line(line: bytes) -> None:
    """Raise the error that a line of a stream reports, if it reports one."""
    if line.startswith(b'{"error"'):
        raise _error_in(line, "the node reported an error without saying which")


def connect(home: Home) -> NodeClient:
    """A client of the node that runs on `home`. Raises NODE_NOT_RUNNING with advice."""
    node = home.running()
    if node is None:
        raise CrofterError(
            ErrorCode.NODE_NOT_RUNNING,
            f"no node runs on {home.root}. Start it with `crofter up` (-d: in the background).",
        )
    return NodeClient(node)


def _refused(response: httpx2.Response) -> CrofterError:
    return _error_in(response.content, f"the node answered {response.status_code} without saying why")


def _error_in(content: bytes, otherwise: str) -> CrofterError:
    try:
        body = msgspec.json.decode(content, type=_ErrorReply).error
    except msgspec.DecodeError:
        body = _ErrorBody()
    return CrofterError.from_report(ErrorReport(code=body.code or "", message=body.message or otherwise))


def _lost(error: httpx2.TransportError) -> CrofterError:
    return CrofterError(
        ErrorCode.NODE_NOT_RUNNING, f"lost the node ({type(error).__name__}); `crofter logs` may say why."
    )
