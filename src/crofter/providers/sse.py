"""Server-sent events out of bytes that come in any pieces (WHATWG HTML, section 9.2). Pure, and bounded."""

from collections.abc import Iterator

MOST_EVENT_BYTES = 4 << 20
"""Of one event: a call of a tool may carry a whole file."""


class EventTooLargeError(ValueError):
    """The server sent more without an end of an event than any answer needs."""


class EventReader:
    """Feeds on pieces and gives the data of whole events; names, ids and comments are of no use here."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._data: list[bytes] = []
        self._data_bytes = 0

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The data of each event that this piece completes. Raises EventTooLargeError."""
        # A carriage return at the end of a piece waits for the line feed that may follow, and belongs to it.
        waited = self._rest.endswith(b"\r")
        self._rest += piece
        if waited or b"\n" in piece or b"\r" in piece:
            lines = bytes(self._rest).splitlines(keepends=True)
            self._rest = bytearray() if lines[-1].endswith(b"\n") else bytearray(lines.pop())
            for line in lines:
                yield from self._take(line.rstrip(b"\r\n"))
        if len(self._rest) + self._data_bytes > MOST_EVENT_BYTES:
            raise EventTooLargeError

    def _take(self, line: bytes) -> Iterator[bytes]:
        if not line:
            if self._data:
                data, self._data, self._data_bytes = b"\n".join(self._data), [], 0
                yield data
            return
        field, _, value = line.partition(b":")
        if field == b"data":
            self._data.append(value.removeprefix(b" "))
            self._data_bytes += len(line)
