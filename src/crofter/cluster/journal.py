"""What one hop has sent to the next, by step: sent again when asked, never computed again."""

from .wire import Frame


class Journal:
    """Frames in the order of their steps. The oldest go when there are more bytes than it may hold; the newest always stays."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._frames: dict[int, Frame] = {}
        self.size_bytes = 0

    def add(self, frame: Frame) -> None:
        """Keep it; steps only rise."""
        self._frames[frame.step] = frame
        self.size_bytes += len(frame.payload)
        while self.size_bytes > self._most_bytes and len(self._frames) > 1:
            oldest = self._frames.pop(next(iter(self._frames)))
            self.size_bytes -= len(oldest.payload)

    def find(self, step: int) -> Frame | None:
        """The frame of that step, if it is still there."""
        return self._frames.get(step)

    def since(self, step: int) -> tuple[Frame, ...] | None:
        """Those of that step and all later ones; None if that one is not there (any more)."""
        if step not in self._frames:
            return None
        return tuple(frame for number, frame in self._frames.items() if number >= step)
