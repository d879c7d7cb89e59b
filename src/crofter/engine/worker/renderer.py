"""The process that renders the chat template (`sandbox.py`), as the worker sees it: started, asked, replaced when it died of a template."""

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import msgspec

from crofter.core import CrofterError, ErrorCode

_LENGTH_BYTES = 4
_MAXIMUM_REPLY_BYTES = 128 * 1024 * 1024
_SANDBOX = Path(__file__).with_name("sandbox.py")
_LIMIT_SECONDS = 3.0
"""Templates take milliseconds; this is for a long conversation on a busy machine."""
_LETTERS: dict[bytes, Literal["done", "refused", "failed"]] = {b"d": "done", b"r": "refused", b"f": "failed"}


class Rendered(msgspec.Struct, frozen=True):
    """How a rendering went: the text, or why there is none."""

    outcome: Literal["done", "refused", "failed"]
    """Refused: the template itself said no, as to roles in an order it does not know."""
    text: str


_DIED = Rendered("failed", "it takes too much time or memory")


class Renderer:
    """A template in a process of its own. The process starts at once, so that it is there when the model is loaded. One thread."""

    def __init__(self, limit_seconds: float = _LIMIT_SECONDS) -> None:
        self._limit_seconds = limit_seconds
        self._process: subprocess.Popen[bytes] | None = self._started()
        self._source = ""
        self._fault: Rendered | None = None
        self._compiled = False

    def load(self, source: str) -> None:
        """Begin to compile this template; `render` tells how it went."""
        self._source = source
        self._send(source.encode(errors="replace"))

    def render(self, variables: dict[str, Any]) -> Rendered:
        """Render the loaded template. Returns within seconds, whatever it does.

        Raises CrofterError(REQUEST_TOO_LARGE) for variables that no frame holds.
        """
        payload = msgspec.json.encode(variables)
        if len(payload) >> 8 * _LENGTH_BYTES:
            raise CrofterError(ErrorCode.REQUEST_TOO_LARGE, "the conversation is too large to be rendered")
        if self._fault is not None:
            return self._fault
        if self._process is None:
            self._process = self._started()
            self._compiled = False
            self.load(self._source)
        if not self._compiled:
            answer = self._reply()
            if answer.outcome != "done":
                # What is wrong with a template itself does not go away with other variables.
                self._fault = answer
                return answer
            self._compiled = True
        self._send(payload)
        return self._reply()

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with process:  # closes the pipes and waits
                pass

    def _send(self, payload: bytes) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):  # It is gone: the reply that does not come tells.
                self._process.stdin.write(len(payload).to_bytes(_LENGTH_BYTES, "big") + payload)
                self._process.stdin.flush()

    def _reply(self) -> Rendered:
        stream = self._process.stdout if self._process is not None else None
        if stream is not None:
            length = int.from_bytes(stream.read(_LENGTH_BYTES), "big")
            payload = stream.read(length) if length <= _MAXIMUM_REPLY_BYTES else b""
            if length and len(payload) == length and payload[:1] in _LETTERS:
                return Rendered(_LETTERS[payload[:1]], payload[1:].decode(errors="replace"))
        self.close()
        return _DIED

    def _started(self) -> subprocess.Popen[bytes]:
        # By its path: as a module it would import the package around it, which it has no use for.
        command = [sys.executable, "-P", str(_SANDBOX), str(self._limit_seconds)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
