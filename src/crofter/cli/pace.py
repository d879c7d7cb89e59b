"""How fast something goes and how long it will take, from what was done when. Pure."""

from collections import deque

from .output import duration, size

WINDOW_SECONDS = 10.0


class Pace:
    """Over the last ten seconds, so that a change of speed shows and a hiccup does not."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, now: float, done_bytes: int) -> None:
        """Something was done; what was there at the first call was there before."""
        if self._samples and done_bytes < self._samples[-1][1]:
            self._samples.clear()
        self._samples.append((now, done_bytes))
        while len(self._samples) > 2 and now - self._samples[1][0] >= WINDOW_SECONDS:
            self._samples.popleft()

    @property
    def bytes_per_second(self) -> float:
        """0 until it can be told."""
        if len(self._samples) < 2:
            return 0.0
        (start, before), (now, done) = self._samples[0], self._samples[-1]
        return (done - before) / (now - start) if now > start else 0.0

    def shown(self, total_bytes: int) -> str:
        """`312.0 MB of 2.5 GB, 10.4 MB/s, 3m30s left`, as far as it is known."""
        if not self._samples or not total_bytes:
            return ""
        done = self._samples[-1][1]
        parts = [f"{size(done)} of {size(total_bytes)}"]
        rate = self.bytes_per_second
        if rate > 0:
            parts.append(f"{size(int(rate))}/s")
            if done < total_bytes:
                parts.append(f"{duration((total_bytes - done) / rate)} left")
        return ", ".join(parts)
