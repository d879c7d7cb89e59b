"""Which bytes of a file are there and which are missing. Pure; ranges are `[start, stop)`, sorted, apart."""

from collections.abc import Iterable

Range = tuple[int, int]


def merged(ranges: Iterable[Range]) -> list[Range]:
    """The same bytes in as few ranges as possible; empty ones go."""
    result: list[Range] = []
    for start, stop in sorted(each for each in ranges if each[0] < each[1]):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(stop, result[-1][1]))
        else:
            result.append((start, stop))
    return result


def missing(done: Iterable[Range], size_bytes: int) -> list[Range]:
    """What `done` leaves of a file of that size."""
    gaps: list[Range] = []
    position = 0
    for start, stop in merged(done):
        if start > position:
            gaps.append((position, start))
        position = max(position, stop)
    if position < size_bytes:
        gaps.append((position, size_bytes))
    return gaps


def total(ranges: Iterable[Range]) -> int:
    """How many bytes."""
    return sum(stop - start for start, stop in ranges)


class Stretches:
    """Hands out what is missing, piece by piece; pieces shrink towards the end, so that no connection is left alone with a long one.

    Not safe for threads by itself.
    """

    def __init__(self, gaps: Iterable[Range], connections: int, smallest: int, largest: int) -> None:
        self._gaps = merged(gaps)
        self._connections = connections
        self._smallest = smallest
        self._largest = largest

    def take(self) -> Range | None:
        """The next piece; None when all are given out."""
        if not self._gaps:
            return None
        start, stop = self._gaps[0]
        share = total(self._gaps) // (2 * self._connections)
        end = min(stop, start + min(max(share, self._smallest), self._largest))
        # A crumb would cost a request of its own.
        if stop - end < self._smallest // 2:
            end = stop
        if end == stop:
            self._gaps.pop(0)
        else:
            self._gaps[0] = (end, stop)
        return start, end

    def give_back(self, piece: Range) -> None:
        """What was not fetched is missing again."""
        self._gaps = merged([*self._gaps, piece])
