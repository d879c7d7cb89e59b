"""One request for one piece of a file: asks, checks that what comes is what was asked for, and puts it where it belongs."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from .connection import Connection, Reply
from .faults import damaged, ended_early, host_of
from .journal import Identity
from .ranges import Range
from .source import Address, Source


class OtherBytesError(Exception):
    """Not those that were begun with."""


class NoRangesError(Exception):
    """It sends the whole file whatever is asked."""


class Server(NamedTuple):
    """What the server is believed to be able to do."""

    ranges: bool = True
    """It can begin in the middle."""
    tags: bool = True
    """Its ETags tell whether the bytes are still the same."""


class Target(Protocol):
    """Where the bytes belong."""

    @property
    def identity(self) -> Identity:
        """What is read."""
        ...

    def write(self, data: bytes, offset: int) -> None:
        """Put bytes where they belong; of one piece they come in order."""
        ...

    def keep(self, piece: Range) -> None:
        """So much of a piece may count as there."""
        ...

    def tagged(self, tag: str) -> None:
        """The server's ETag for these bytes."""
        ...


class Reading:
    """How far a connection is in its piece."""

    def __init__(self, start: int, stop: int) -> None:
        self.start = start
        self.stop = stop
        self.position = start
        self.kept = start


class Reader:
    """Reads pieces of one file; shared by the threads that do so, and holds nothing that changes."""

    def __init__(
        self, source: Source, part: Target, keep_bytes: int, received: Callable[[int], None], server: Server
    ) -> None:
        self._source = source
        self._part = part
        self._keep_bytes = keep_bytes
        self._received = received
        self._ranges = server.ranges
        self._tags = server.tags

    def read(self, connection: Connection, reading: Reading) -> None:
        """Fetch the piece. `reading` tells how far it came, whatever is raised.

        Raises TransientError, CrofterError, OSError, OtherBytesError, NoRangesError, or what `received` raises.
        """
        address = self._source.address(connection)
        tag = self._part.identity.tag if self._tags else ""
        headers = dict(address.headers)
        if self._ranges:
            headers["range"] = f"bytes={reading.start}-{reading.stop - 1}"
            if tag:
                headers["if-range"] = tag
        self._check(connection.ask(address.url, headers), reading, address)
        while reading.position < reading.stop:
            data = connection.read(address.url)
            if not data:
                connection.close()
                raise ended_early(address.url, reading.stop - reading.position)
            data = data[: reading.stop - reading.position]
            self._part.write(data, reading.position)
            reading.position += len(data)
            if reading.position - reading.kept >= self._keep_bytes:
                self.keep(reading)
            self._received(len(data))

    def keep(self, reading: Reading) -> None:
        """Write down what was read so far."""
        self._part.keep((reading.kept, reading.position))
        reading.kept = reading.position

    def _check(self, reply: Reply, reading: Reading, address: Address) -> None:
        if reply.status not in {200, 206, 416}:
            raise self._source.refusal(reply.status, reply.headers, address)
        if reply.headers.get("content-encoding", "identity") != "identity":
            raise damaged(f"{host_of(address.url)} changes files on their way ({reply.headers['content-encoding']}).")
        if reply.status == 206 and self._ranges:
            self._check_part(reply.headers, reading, address)
            return
        # A refused range also tells how long the whole is, so a pointer is named whichever connection hears of it first.
        self._check_size(_length(reply.headers) if reply.status == 200 else _content_range(reply.headers)[1], address)
        if self._ranges:
            raise OtherBytesError if self._part.identity.tag or reply.status == 416 else NoRangesError

    def _check_part(self, headers: Mapping[str, str], reading: Reading, address: Address) -> None:
        start, size = _content_range(headers)
        if start != reading.start:
            raise damaged(f"{host_of(address.url)} sent other bytes than it was asked for.")
        self._check_size(size, address)
        known, sent = self._part.identity.tag, headers.get("etag", "")
        if not self._tags or not sent.startswith('"') or not sent.isprintable():
            return
        if known and sent != known:
            raise OtherBytesError
        if not known:
            self._part.tagged(sent)

    def _check_size(self, size: int | None, address: Address) -> None:
        identity = self._part.identity
        if size is not None and size != identity.size_bytes:
            raise damaged(
                f"{host_of(address.url)} has {size:,} bytes for {identity.file}, where the hub's list says"
                f" {identity.size_bytes:,}: that is not the model, perhaps only a pointer to it. Try another mirror, or again later."
            )


def _length(headers: Mapping[str, str]) -> int | None:
    text = headers.get("content-length", "")
    return int(text) if text.isdigit() else None


def _content_range(headers: Mapping[str, str]) -> tuple[int | None, int | None]:
    """First byte and size of the whole from `bytes 0-99/200`; of a range that cannot be served, `bytes */200`, the size."""
    unit, _, rest = headers.get("content-range", "").strip().partition(" ")
    span, _, size = rest.partition("/")
    start = span.partition("-")[0]
    if unit != "bytes":
        return None, None
    return int(start) if start.isdigit() else None, int(size) if size.isdigit() else None
