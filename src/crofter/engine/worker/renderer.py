"""The process that renders the chat template (`confined/template.py`): started, asked, replaced when it died of a template."""

from typing import Any, Literal

import msgspec

from crofter.core import CrofterError, ErrorCode

from .confinement import LENGTH_BYTES, ConfinedProcess

_MAXIMUM_REPLY_BYTES = 128 * 1024 * 1024
_PROGRAM = "template.py"
_LIMIT_SECONDS = 3.0
"""Templates take milliseconds; this is for a long conversation on a busy machine."""


class Rendered(msgspec.Struct, frozen=True):
    """How a rendering went: the text, or why there is none."""

    outcome: Literal["done", "refused", "failed"]
    """Refused: the template itself said no, as to roles in an order it does not know."""
    text: str


class Renderer:
    """A template in a process of its own. The process starts at once, so that it is there when the model is loaded. One thread."""

    def __init__(self, limit_seconds: float = _LIMIT_SECONDS) -> None:
        self._limit_seconds = limit_seconds
        self._process = self._started()
        self._source = ""
        self._fault: Rendered | None = None
        self._compiled = False

    def load(self, source: str) -> None:
        """Begin to compile this template; `render` tells how it went."""
        self._source = source
        self._process.send(source.encode(errors="replace"))

    def render(self, variables: dict[str, Any]) -> Rendered:
        """Render the loaded template. Returns within seconds, whatever it does.

        Raises CrofterError(REQUEST_TOO_LARGE) for variables that no frame holds.
        """
        payload = msgspec.json.encode(variables)
        if len(payload) >> 8 * LENGTH_BYTES:
            raise CrofterError(ErrorCode.REQUEST_TOO_LARGE, "the conversation is too large to be rendered")
        if self._fault is not None:
            return self._fault
        if not self._process.alive:
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
        self._process.send(payload)
        return self._reply()

    def close(self) -> None:
        """End the process."""
        self._process.close()

    def _reply(self) -> Rendered:
        outcome = self._process.reply()
        if outcome is None:
            return Rendered("failed", "it takes too much time or memory")
        return Rendered(outcome.kind, outcome.result.decode(errors="replace"))

    def _started(self) -> ConfinedProcess:
        return ConfinedProcess(_PROGRAM, self._limit_seconds, _MAXIMUM_REPLY_BYTES)
