"""From token bytes to text that may be shown: whole UTF-8, thinking apart from the answer, stop strings never partly emitted.

Pure state machines: the same bytes give the same text however they are cut.
"""

import codecs
from collections.abc import Sequence

from crofter.core import ToolCallDelta

from .calls import CallReader
from .cuts import longest_partial_suffix

REASONING_MARKERS = (("<think>", "</think>"), ("<|START_THINKING|>", "<|END_THINKING|>"), ("[THINK]", "[/THINK]"))


def reasoning_markers(template: str) -> tuple[str, str] | None:
    """The (opening, closing) marks of thinking that a chat template speaks of, or None."""
    return next((pair for pair in REASONING_MARKERS if pair[1] in template), None)


class ReasoningSplitter:
    """Tells thinking from answer. Thinking can only open the answer; what follows its end is answer to the last."""

    def __init__(self, markers: tuple[str, str] | None, *, begins_inside: bool) -> None:
        """`begins_inside`: the prompt already ended with the opening mark."""
        self._opening, self._closing = markers or ("", "")
        self._state = "answer" if markers is None else "inside" if begins_inside else "before"
        self._held = ""

    @property
    def thinking(self) -> bool:
        """Whether the next text is thinking."""
        return self._state == "inside"

    def push(self, text: str) -> tuple[str, str]:
        """More text; returns (answer, reasoning) that is certain now."""
        if self._state == "answer":
            return text, ""
        self._held += text
        if self._state == "before":
            return self._before()
        if self._state == "gap":
            return self._gap()
        return self._inside()

    def finish(self) -> tuple[str, str]:
        """Nothing more comes: what was held back, as (answer, reasoning)."""
        held, self._held = self._held, ""
        return ("", held) if self._state == "inside" else ("", "") if self._state == "gap" else (held, "")

    def _before(self) -> tuple[str, str]:
        start = self._held.lstrip()
        if start.startswith(self._opening):
            self._state, self._held = "inside", start[len(self._opening) :]
            return self._inside()
        if self._opening.startswith(start):
            return "", ""
        self._state, text, self._held = "answer", self._held, ""
        return text, ""

    def _inside(self) -> tuple[str, str]:
        reasoning, found, rest = self._held.partition(self._closing)
        if found:
            self._state, self._held = "gap", rest
            return self._gap(reasoning)
        keep = longest_partial_suffix(self._held, (self._closing,))
        cut = len(self._held) - keep
        reasoning, self._held = self._held[:cut], self._held[cut:]
        return "", reasoning

    def _gap(self, reasoning: str = "") -> tuple[str, str]:
        # The empty lines between thinking and answer belong to neither.
        self._held = self._held.lstrip()
        if not self._held:
            return "", reasoning
        self._state, text, self._held = "answer", self._held, ""
        return text, reasoning


class StopFilter:
    """Ends the text before the earliest stop string and holds back what might become one."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.found: str | None = None

    def push(self, text: str) -> str:
        """More text; returns what may be shown. `found` is set once a stop string is complete."""
        if not self._stops:
            return text
        if self.found is not None:
            return ""
        self._held += text
        positions = [(self._held.find(stop), -len(stop), stop) for stop in self._stops if stop in self._held]
        if positions:
            position, _, self.found = min(positions)
            text, self._held = self._held[:position], ""
            return text
        cut = len(self._held) - longest_partial_suffix(self._held, self._stops)
        text, self._held = self._held[:cut], self._held[cut:]
        return text

    def finish(self) -> str:
        """Nothing more comes: what was held back."""
        held, self._held = self._held, ""
        return held


Assembled = tuple[str, str, tuple[ToolCallDelta, ...]]
"""Text, reasoning, and what calls of tools grew by."""


class TextAssembler:
    """The whole path from token bytes to text, reasoning and calls of tools."""

    def __init__(
        self,
        stops: Sequence[str],
        markers: tuple[str, str] | None = None,
        *,
        begins_inside: bool = False,
        calls: CallReader | None = None,
    ) -> None:
        """`calls` reads calls out of the answer; without it they are text."""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._splitter = ReasoningSplitter(markers, begins_inside=begins_inside)
        self._calls = calls
        self._stop = StopFilter(stops)

    @property
    def stop_string(self) -> str | None:
        """The stop string that ended the text, once one did."""
        return self._stop.found

    @property
    def call_count(self) -> int:
        """How many tools were called so far."""
        return self._calls.count if self._calls is not None else 0

    @property
    def calls_ended(self) -> bool:
        """Whether the one call that was allowed is complete, so that nothing more is wanted."""
        return self._calls is not None and self._calls.ended

    @property
    def thinking(self) -> bool:
        """Whether the model is still thinking."""
        return self._splitter.thinking

    def push(self, piece: bytes) -> Assembled:
        """The bytes of one more token; returns what may be shown now."""
        answer, reasoning = self._splitter.push(self._decoder.decode(piece))
        if not answer:
            return "", reasoning, ()
        answer, thinking, deltas = self._calls.push(answer) if self._calls is not None else (answer, "", ())
        return self._stop.push(answer), reasoning + thinking, deltas

    def finish(self) -> Assembled:
        """Generation ended: everything still held back (a character cut in the middle becomes U+FFFD)."""
        answer, reasoning = self._splitter.push(self._decoder.decode(b"", final=True))
        last_answer, last_reasoning = self._splitter.finish()
        text, reasoning, deltas = answer + last_answer, reasoning + last_reasoning, ()
        if self._calls is not None:
            pushed, finished = self._calls.push(text), self._calls.finish()
            text, deltas = pushed[0] + finished[0], pushed[2] + finished[2]
            reasoning += pushed[1] + finished[1]
        text = self._stop.push(text)
        if self._stop.found is None:
            text += self._stop.finish()
        return text, reasoning, deltas
