"""A confined program (`confined/`), as the worker sees it: started, sent frames, ended."""

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Literal, NamedTuple

LENGTH_BYTES = 4
_LETTERS: dict[bytes, Literal["done", "refused", "failed"]] = {b"d": "done", b"r": "refused", b"f": "failed"}


class Outcome(NamedTuple):
    """How the work on a frame went, and what came of it: a result, or in words why there is none."""

    kind: Literal["done", "refused", "failed"]
    """Refused: the work itself said no."""
    result: bytes


class ConfinedProcess:
    """One process; it starts at once. Where it does not answer as it should it is ended, and another has to be made."""

    def __init__(self, program: str, limit_seconds: float, maximum_reply_bytes: int, *arguments: str) -> None:
        """`program` is the name of a file in `confined/`; each frame may take it `limit_seconds`; `arguments` are its own."""
        # By its path: as a module it would import the package around it, which it has no use for.
        path = Path(__file__).parent / "confined" / program
        command = [sys.executable, "-P", str(path), str(limit_seconds), *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._maximum_reply_bytes = maximum_reply_bytes
        self.alive = True

    def send(self, *parts: bytes) -> None:
        """One frame. That the process is gone is told by `reply`."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.write(sum(map(len, parts)).to_bytes(LENGTH_BYTES, "big"))
                self._process.stdin.writelines(parts)
                self._process.stdin.flush()

    def reply(self) -> Outcome | None:
        """The answer to the oldest frame without one; None if there is none, as the work took too much: the process is ended then."""
        stream = self._process.stdout if self.alive else None
        if stream is not None:
            length = int.from_bytes(stream.read(LENGTH_BYTES), "big")
            payload = stream.read(length) if length <= self._maximum_reply_bytes else b""
            if length and len(payload) == length and payload[:1] in _LETTERS:
                return Outcome(_LETTERS[payload[:1]], payload[1:])
        self.close()
        return None

    def close(self) -> None:
        """End the process. Idempotent."""
        if self.alive:
            self.alive = False
            self._process.kill()
            with self._process:  # closes the pipes and waits
                pass
